//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What runs a script: the program that its first line names, or `/bin/sh`.
///
/// The line is read here and not by the kernel (execve(2)), so that a script also runs from a file system that is mounted
/// with noexec, and that nobody has to wait for a file that is still open for writing elsewhere.
package enum ScriptProgram: Equatable {
    /// The interpreter, and the one argument that it has at most.
    case interpreter(ByteString, argument: ByteString?)
    /// The content is a program itself.
    case itself

    /// Reads the first line of a script.
    ///
    /// - Throws: ``MitogenError`` with `.spawnError` if the line ends as on other systems: its interpreter would not be
    ///   found.
    package init(of script: [UInt8]) throws(MitogenError) {
        if script.starts(with: [0x7f, 0x45, 0x4c, 0x46]) {
            self = .itself
            return
        }
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 }
        guard script.starts(with: "#!".utf8) else {
            self = .interpreter("/bin/sh", argument: nil)
            return
        }
        var line = script.dropFirst(2).prefix { $0 != 0x0a && $0 != 0 }.drop(while: isBlank)
        while let last = line.last, isBlank(last) { line = line.dropLast() }
        if line.last == 0x0d {
            throw MitogenError(
                .spawnError,
                "the script's first line ends with a carriage return, so that its interpreter is not found; dos2unix "
                    + "converts it"
            )
        }
        let name = line.prefix { !isBlank($0) }
        let argument = line.dropFirst(name.count).drop(while: isBlank)
        self = .interpreter(
            name.isEmpty ? "/bin/sh" : ByteString(bytes: Array(name)),
            argument: argument.isEmpty ? nil : ByteString(bytes: Array(argument))
        )
    }

    /// The words of the command for a script in a file.
    package func words(file: String, arguments: [ByteString]) -> [ByteString] {
        switch self {
        case .itself: [ByteString(file)] + arguments
        case .interpreter(let program, let argument):
            [program] + [argument].compactMap(\.self) + [ByteString(file)] + arguments
        }
    }
}
