//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Glibc

extension Configuration {
    /// The file of the user, `~/.config/mitogen/config`, or what `MITOGEN_CONFIG` names; nil if there is none.
    ///
    /// - Throws: ``ArgumentError`` if it is there and cannot be used.
    static func ofUser(
        environment: (String) -> String? = DescriptorSink.environmentVariable
    ) throws(ArgumentError) -> Configuration? {
        let usual = environment("HOME").map { "\($0)/.config/mitogen/config" }
        let named = environment("MITOGEN_CONFIG").flatMap { $0.isEmpty ? nil : $0 }
        guard let path = named ?? usual else { return nil }
        let name = TerminalSanitizer.visible(path)
        let file = TextFile(kind: "configuration", content: "NAME = VALUE on each line", name: name)
        // A pipe that nobody writes to would never open.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            if named == nil, errno == ENOENT || errno == ENOTDIR { return nil }
            throw file.unreadable(errno)
        }
        defer { close(descriptor) }
        let lines = try file.lines(of: try file.read(descriptor))
        return lines.isEmpty ? nil : try Configuration(lines, name: name, tool: .ofTool())
    }
}
