//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
package import MitogenProtocol

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension MitogenError {
    /// A system call failed. Where the limit of open files is the reason, that is the code, whatever was tried.
    package static func system(
        _ what: String,
        errno code: Int32,
        _ errorCode: Code = .streamError
    ) -> MitogenError {
        let message = "\(what): \(String(cString: strerror(code)))"
        switch code {
        case EMFILE: return MitogenError(.tooManyOpenFiles, message, hint: OpenFilesLimit.hint)
        case ENFILE:
            return MitogenError(.tooManyOpenFiles, message, hint: "the machine's limit is the sysctl fs.file-max")
        default: return MitogenError(errorCode, message)
        }
    }
}

/// The monotonic clock, in nanoseconds.
package func monotonicNanoseconds() -> Int64 {
    // In C, because which module `timespec` is a member of depends on what else the compiler has imported.
    cmitogen_monotonic_nanoseconds()
}

extension Duration {
    /// The duration in nanoseconds; the longest that fits if it is longer.
    package var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        return whole.addingReportingOverflow(attoseconds / 1_000_000_000).partialValue
    }
}
