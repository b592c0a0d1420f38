//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// What the environment says about looking into a program while it runs.
enum DiagnosisEnvironment {
    /// `MITOGEN_DEBUG`: whether routers write debug files; not if it is empty or 0.
    static var wantsDebug: Bool {
        let value = value(of: "MITOGEN_DEBUG")
        return value != nil && value != "0"
    }

    /// `MITOGEN_PROFILING`: whether routers measure.
    static var wantsProfiling: Bool { value(of: "MITOGEN_PROFILING") != nil }

    /// Where measurements are written to: what `MITOGEN_PROFILING` names, if that is a path.
    static var profileDirectory: String {
        guard let value = value(of: "MITOGEN_PROFILING"), value.first == "/" else { return temporaryDirectory }
        return value
    }

    /// `$TMPDIR`, or `/tmp` if nothing can be written there: it may be that of another account.
    static var temporaryDirectory: String {
        guard let value = value(of: "TMPDIR"), value.first == "/", access(value, W_OK) == 0 else { return "/tmp" }
        return value
    }

    private static func value(of name: String) -> String? {
        guard let value = getenv(name), value.pointee != 0 else { return nil }
        return String(cString: value)
    }
}
