//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import ArgumentParser
internal import Glibc
internal import Mitogen

/// The arguments of `mitogen manual`, with which a package is made.
package struct ManualCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "manual",
        abstract: "Write the man pages into a directory.",
        shouldDisplay: false
    )

    @Argument(help: ArgumentHelp("Where the pages are written.", valueName: "DIR"))
    package var directory: String

    package init() {}

    package mutating func run() throws {
        let tool = ToolDescription.ofTool()
        let topics = [HelpTopic.targets, .output, .exitStatus].map(\.rawValue)
        var pages = [("mitogen.1", ManualPage.ofTool(tool, version: Mitogen.version, topics: topics))]
        for command in tool.commands {
            let page = ManualPage(command: command, version: Mitogen.version)
            pages.append((page.fileName, page.text))
        }
        for (name, text) in pages { try self.write(text, to: "\(self.directory)/\(name)") }
    }

    private func write(_ text: String, to path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        let bytes = Array(text.utf8)
        guard descriptor >= 0, Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
            throw ArgumentError(
                "cannot write '\(TerminalSanitizer.visible(path))': \(String(cString: strerror(errno)))",
                isAboutFile: true
            ).forCommandLine
        }
        close(descriptor)
    }
}
