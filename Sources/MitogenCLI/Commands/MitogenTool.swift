//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import ArgumentParser
internal import CMitogenPlatform
internal import Glibc
internal import Logging
internal import Mitogen

/// The entry point of the `mitogen` tool.
package enum MitogenTool {
    /// Runs the command that the arguments of this process name, and exits with its status.
    ///
    /// It is synchronous, as the commands have to see to signals and processes before the first thread is made.
    package static func main() -> Never {
        cmitogen_configure_allocator()
        DescriptorSink.ignoreBrokenPipeSignal()
        self.reserveStandardDescriptors()
        self.startLogging()
        do {
            let words = ByteArguments.ofProcess()
            if let text = try self.text(for: words) {
                var sink = DescriptorSink()
                try sink.write(text, to: .stdout)
                Glibc.exit(0)
            }
            var command = try self.command(for: words)
            try ByteArguments.check(words, of: command)
            try command.run()
            Glibc.exit(0)
        } catch {
            self.exit(with: error)
        }
    }

    /// What is written for words that ask for a text only; nil for all others.
    private static func text(for words: [String]) throws -> String? {
        do throws(ArgumentError) {
            try self.checkCommand(words)
            // Every command has it, as the parser lists it for each.
            if words.prefix(2).last == "--version" { return VersionReport.ofTool().text }
            return try HelpTopic.text(for: words) ?? CompletionScript.text(for: words)
        } catch {
            throw error.forCommandLine
        }
    }

    /// - Throws: ``ArgumentError`` for a first word that is no command.
    static func checkCommand(_ words: [String]) throws(ArgumentError) {
        guard let first = words.first, first.first != "-", first != "help" else { return }
        let all = MitogenCommand.configuration.subcommands.compactMap { $0.configuration.commandName }
        guard !all.contains(first) else { return }
        let known = ToolDescription.ofTool().commands.map(\.name)
        let near = Suggestion.nearest(to: first, in: known).map { "; did you mean '\($0)'?" } ?? ";"
        throw ArgumentError(
            "there is no command '\(TerminalSanitizer.visible(first))'\(near) known are \(known.joined(separator: ", "))"
        )
    }

    private static func exit(with error: any Error) -> Never {
        let status = self.exitStatus(for: error)
        // The whole usage behind a slip hides what is wrong.
        let text =
            status == RunExitStatus.usageError
            ? self.usageError(MitogenCommand.message(for: error)) : MitogenCommand.fullMessage(for: error)
        let message = ByteArguments.visible(text)
        if !message.isEmpty {
            var sink = DescriptorSink()
            // Where a message cannot be written, nobody can be told that either.
            try? sink.write(message + "\n", to: status == 0 ? .stdout : .stderr)
        }
        Glibc.exit(status)
    }

    private static func command(for words: [String]) throws -> any ParsableCommand {
        let configured = try self.configured(words)
        do {
            return try MitogenCommand.parseAsRoot(configured)
        } catch {
            // A file that is wrong was told of before.
            guard self.exitStatus(for: error) == RunExitStatus.usageError, !MitogenCommand.message(for: error).isEmpty,
                let option = UnknownOption.first(in: words)
            else { throw error }
            throw ValidationError("\(option)")
        }
    }

    /// The words with what the user's configuration sets before them.
    private static func configured(_ words: [String]) throws -> [String] {
        // Without a command there is nothing to set, and `config` tells what is wrong by itself.
        guard let first = words.first, first.first != "-", first != "config" else { return words }
        do throws(ArgumentError) {
            return try Configuration.ofUser()?.completed(words) ?? words
        } catch {
            throw error.forCommandLine
        }
    }

    private static func usageError(_ message: String) -> String { message.isEmpty ? "" : "Error: \(message)" }

    /// The status to exit with after an error of the argument parser or of a command.
    package static func exitStatus(for error: any Error) -> Int32 {
        let code = MitogenCommand.exitCode(for: error)
        return code == .validationFailure ? RunExitStatus.usageError : code.rawValue
    }

    /// Descriptors 0, 1 and 2 that the caller has closed are taken up, so that no socket or file gets such a number.
    ///
    /// They are opened the wrong way round: using them is an error, as it is when they are closed.
    private static func reserveStandardDescriptors() {
        for descriptor: Int32 in 0...2 where fcntl(descriptor, F_GETFD) < 0 {
            _ = open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY)
        }
    }

    /// Only what is wrong is logged, unless `MITOGEN_LOG_LEVEL` says otherwise: standard error belongs to the commands
    /// that run elsewhere.
    private static func startLogging() {
        // Without a file there is nothing that could fail.
        try? Mitogen.bootstrapLogging(level: .warning)
    }
}
