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

/// Stands for a program whose file was replaced between the moment when its parent looked at it and its start.
public enum ReplacedProgram {
    /// The file name that makes a copy of the fixture such a program.
    public static let name = "replaced-fixture"

    /// If the program has that name, executes the file `original` beside it, with the same arguments.
    public static func runOriginalIfReplaced() {
        let path = CommandLine.arguments.first ?? ""
        guard path.hasSuffix("/\(name)") else { return }
        var arguments: [UnsafeMutablePointer<CChar>?] = CommandLine.arguments.map { strdup($0) } + [nil]
        let original = String(path.dropLast(name.utf8.count)) + "original"
        arguments[0] = strdup(original)
        execv(original, &arguments)
    }
}
