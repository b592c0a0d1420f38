//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import ArgumentParser
internal import Mitogen

/// The arguments of `mitogen run`.
package struct RunCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a command in every target at once.",
        usage: """
            mitogen run [OPTION]... [--] COMMAND [ARG...]
            mitogen run --script FILE [OPTION]... [--] [ARG...]
            """,
        discussion: """
            The command is started with its arguments as they are given, without a shell; options come before it. With \
            --script, FILE is brought to each target, run there, and removed.

            EXAMPLES:
              mitogen run -t 'ssh:web[01-20]+sudo' -x web07 -- systemctl restart nginx
              mitogen run -i inventory.ini -t '@web!@maintenance' -o gather -- uname -r
              mitogen run -t @web --canary 2 --serial 10 --max-fail 5% -- ./deploy
              mitogen run --script cleanup.sh -t ssh:db1 -- --older-than 30

            MORE HELP:
              mitogen help targets       how targets, node sets and groups are written
              mitogen help connections   options of ssh, sudo and the like
              mitogen help output        the forms of the results
              mitogen help exit-status   what the exit status means
            """
    )

    @OptionGroup(title: "Targets")
    package var targets: TargetArguments

    @Flag(name: .customShort("a"), help: "The same as --all.")
    package var meansAll = false

    @Flag(name: .customLong("list-hosts"), help: "List the targets, hop by hop, and do nothing else.")
    package var listsTargets = false

    @Flag(name: .customLong("dry-run"), help: "Say what would be run where, and do nothing else.")
    package var isDryRun = false

    @OptionGroup(title: "Results")
    package var results: ResultArguments

    @OptionGroup(title: "Order and caution")
    package var caution: CautionArguments

    @Option(help: ArgumentHelp("End the command after so long, counted from its start.", valueName: "SECONDS"))
    package var timeout: String?

    @Option(
        name: .customLong("env"),
        help: ArgumentHelp("Set a variable for the command; may be given several times.", valueName: "NAME=VALUE")
    )
    package var environment: [String] = []

    @Option(
        name: .customLong("cwd"),
        help: ArgumentHelp("Run the command in this directory of the target.", valueName: "DIR")
    )
    package var directory: String?

    @Flag(name: .customLong("stdin"), help: "Send standard input to the command in every target.")
    package var readsStandardInput = false

    @Option(
        help: ArgumentHelp(
            "Bring this script to the target and run it, with the command's words as its arguments; - is standard input.",
            valueName: "FILE"
        )
    )
    package var script: String?

    @OptionGroup(title: "Connections", visibility: .hidden)
    package var connections: ConnectionArguments

    @OptionGroup(title: "Connections", visibility: .hidden)
    package var held: HeldArguments

    @Argument(
        parsing: .captureForPassthrough,
        help: ArgumentHelp("The program to run and its arguments.", valueName: "COMMAND")
    )
    package var command: [String] = []

    package init() {}

    package mutating func validate() throws {
        _ = try self.options(readsFiles: false)
    }

    package mutating func run() throws {
        var options = try self.options()
        var sink = DescriptorSink()
        for warning in options.warnings { try? sink.write("mitogen: \(warning)\n", to: .stderr) }
        if options.listsTargets || options.isDryRun {
            let preview = RunPreview(options, image: options.listsTargets ? nil : try? AgentImage.locate())
            try sink.write(preview.text, to: .stdout)
            return
        }
        let files: OutputFiles?
        do throws(ArgumentError) {
            try self.confirm(options, &sink)
            files = try options.outputFiles()
            options.hops = try connections.settingsWithPasswords()
        } catch {
            throw error.forCommandLine
        }
        let image: String
        do throws(MitogenError) {
            image = try AgentImage.locate()
        } catch {
            try? sink.write("mitogen: \(toolText(error))\n", to: .stderr)
            throw ExitCode(RunExitStatus.unreachable)
        }
        throw ExitCode(try RunExecution(options: options, image: image, files: files).perform())
    }

    /// Asks whether to go on, where that is wanted before so many targets.
    ///
    /// - Throws: ``ArgumentError`` if there is nobody to ask, or the answer is no.
    private func confirm(_ options: RunOptions, _ sink: inout DescriptorSink) throws(ArgumentError) {
        let count = options.targets.count
        let plan = options.plan
        guard !plan.isConfirmed else { return }
        let command = CommandQuoting.shellQuoted(options.command.map { ByteArguments.visible($0.description) })
        let asksLater = plan.canaries.map { $0 < count } ?? false
        let asksNow = plan.confirmsAbove.map { $0 < count } ?? false
        guard asksNow || asksLater else { return }
        guard let question = TerminalQuestion() else {
            throw ArgumentError(
                "there is no terminal to ask at, as \(asksNow ? "--confirm" : "--canary") wants; --yes answers the questions"
            )
        }
        guard asksNow else { return }
        let names = NodeSetFolding.text(TargetSpecification.labels(for: options.targets), order: .written)
        try? sink.write(
            "mitogen: run '\(TerminalSanitizer.visible(command))' on \(count) targets, \(names)? [y/N] ",
            to: .stderr
        )
        guard question.isAnsweredWithYes() else {
            throw ArgumentError("the answer was no; nothing was run", isAboutFile: true)
        }
    }

    /// What the arguments ask for.
    ///
    /// - Parameter readsFiles: Whether files with targets are read; without them targets may be missing.
    /// - Throws: `ValidationError` with words for the person who typed them; `ExitCode` if a file is wrong; `CleanExit` if
    ///   that person wants help.
    package func options(readsFiles: Bool = true) throws -> RunOptions {
        // The parser takes an option that it does not know for the beginning of the command.
        if let first = self.command.first, first.hasPrefix("-"), first != "--" {
            if first == "--help" || first == "-h" { throw CleanExit.helpRequest(self) }
            let what = self.script == nil ? "a command" : "an argument of the script"
            let option = UnknownOption(first, of: "run")
            let hint = option.suggestion == nil ? "; \(what) that begins with '-' comes after '--'" : ""
            throw ValidationError("\(option)\(hint)")
        }
        do {
            return try RunOptions(self, readsFiles: readsFiles)
        } catch let error as ArgumentError {
            throw error.forCommandLine
        } catch {
            throw ValidationError("\(error)")
        }
    }
}
