//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Glibc
internal import Mitogen

/// The script that `--script` names.
enum ScriptSource {
    /// The name under which standard input is given.
    static let standardInput = "-"

    /// Reads it; `-` is standard input.
    ///
    /// - Throws: ``ArgumentError`` if it cannot be read, or is too large.
    static func read(_ path: String) throws(ArgumentError) -> [UInt8] {
        let isInput = path == Self.standardInput
        let name = isInput ? "standard input" : TerminalSanitizer.visible(path)
        let file = TextFile(kind: "script", content: "a program", name: name)
        let bytes = ByteArguments.bytes(of: path).bytes.map { CChar(bitPattern: $0) } + [0]
        let descriptor = isInput ? dup(0) : open(bytes, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw file.unreadable(errno) }
        defer { close(descriptor) }
        return try file.read(descriptor)
    }
}
