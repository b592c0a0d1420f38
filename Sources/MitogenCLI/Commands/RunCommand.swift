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
            mitogen run [-t TARGET]... [--hosts-file FILE]... [-x TARGET]... [--fanout N]
                        [--output grouped|gather|stream|json] [--timeout SECONDS]
                        [--env NAME=VALUE]... [--cwd DIR] [--stdin] [--] COMMAND [ARG...]
            mitogen run --script FILE [OPTION]... [--] [ARG...]
            """,
        discussion: """
            A target is a chain of hops joined by '+', from this machine outwards:

            \(HopKind.helpText())

            Kinds of hops for other tools can be added in a file: ~/.config/mitogen/hops.conf, or what --hops names. \
            The article 'Connections' of the documentation describes it.\(HopTable.usualHelp)

            Several targets are joined by ','. The HOST of ssh can have ranges: web[01-20], web[1-4,7], \
            [db,web][1-2]; in quotes, as brackets mean something to the shell. A host can also be written as a URI, \
            ssh://[USER@]HOST[:PORT].

            A '+', ',', '[' or ']' that is part of a name has a backslash before it, as in 'ssh:DOMAIN\\+joe@web1'; so \
            has a backslash before one of these. Any other backslash stands for itself.

            A file has a target on each line, or a plain host, which means ssh:HOST; '#' begins a comment. A host \
            with the name of a kind of hop is written ssh:HOST there.

            What is typed for ssh wins over what mitogen adds, and ssh's configuration counts otherwise. --ssh-config, \
            --identity, and --ssh-option with a path name files of this machine: they count for ssh that runs here, be \
            it as another user. For an ssh that runs elsewhere they are given for its host, with a path of where it \
            runs: --identity ssh:HOST=/home/me/key, --ssh-option ssh:HOST=Port=2222.

            -x leaves out a target that is written alike; a plain host leaves out all with an ssh hop to it, and can \
            have ranges, a user and a port. With --fanout a target has its place from its first connection until its \
            command has ended and its connections are closed.

            The command is started with its arguments as they are given, without a shell. Options of mitogen come \
            before it.

            With --script the file is brought to each target, runs there with the arguments as they are given, and is \
            removed afterwards, also if the connection is lost or mitogen is killed. Its first line says which program of \
            the target runs it (#!/usr/bin/env python3); without one /bin/sh does. It needs no permission to be executed \
            here, and may be on a file system there that executes nothing. \
            --cwd is where it runs, not where it lies.

            With --output stream a line of more than 64 KiB is cut into several; those that go on a line have '+' for \
            '|' after the target. JSON objects have "signal" beside "exit_status": the number of the signal that ended \
            the command, or null.

            EXAMPLES:
              mitogen run -- uname -a
              mitogen run -t local:a -t local:b --output gather -- uptime
              mitogen run -t 'ssh:web[01-20]+sudo' -x web07 --fanout 10 -- reboot
              mitogen run --hosts-file hosts.txt --output gather -- uname -r
              mitogen run -t local+local:b --timeout 10 -- sh -c 'echo "$HOME"'
              tar c . | mitogen run --stdin --cwd /tmp/copy -- tar x
              mitogen run --script cleanup.sh -t 'ssh:web[01-20]+sudo' -- --older-than 30
              ./generate | mitogen run --script - -t ssh:db1

            EXIT STATUS:
              With one target the command's own; 128 + n if signal n ended it.
              With several 0 if all were 0. Otherwise:
                2    the command line is not right
                3    a command did not end in time
                4    a target could not be reached
                5    a command failed, or was not started
                130  Ctrl-C: commands get TERM, and KILL 2 s later or at a
                     second Ctrl-C
            """
    )

    @OptionGroup(title: "Targets")
    package var targets: TargetArguments

    @Option(
        name: .customLong("output"),
        help: ArgumentHelp("The form of the results: \(Self.outputHelp).", valueName: "FORM")
    )
    package var output: String?

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

    @OptionGroup(title: "Connections")
    package var connections: ConnectionArguments

    @OptionGroup(title: "Connections")
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
        do throws(ArgumentError) {
            options.hops = try connections.settingsWithPasswords()
        } catch {
            throw error.forCommandLine
        }
        var sink = DescriptorSink()
        for warning in options.warnings { try? sink.write("mitogen: \(warning)\n", to: .stderr) }
        let image: String
        do throws(MitogenError) {
            image = try AgentImage.locate()
        } catch {
            try? sink.write("mitogen: \(error)\n", to: .stderr)
            throw ExitCode(RunExitStatus.unreachable)
        }
        let status = try RunExecution(options: options, image: image).perform()
        throw ExitCode(status)
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
            throw ValidationError(
                "unknown option '\(TerminalSanitizer.visible(first))'; \(what) that begins with '-' comes after '--'"
            )
        }
        do {
            return try RunOptions(self, readsFiles: readsFiles)
        } catch let error as ArgumentError {
            throw error.forCommandLine
        } catch {
            throw ValidationError("\(error)")
        }
    }

    private static let outputHelp = OutputMode.allCases.map { "'\($0.rawValue)' \($0.help)" }.joined(separator: "; ")
}
