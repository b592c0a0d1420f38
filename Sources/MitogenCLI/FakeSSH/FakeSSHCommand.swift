//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import ArgumentParser
internal import Mitogen

/// The arguments of `mitogen fakessh`.
package struct FakeSSHCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "fakessh",
        abstract: "Run rsync, scp, sftp, git or another program here, with its ssh leading to a target.",
        usage: """
            mitogen fakessh TARGET [--] PROGRAM [ARG...]
            mitogen fakessh -t TARGET [--] PROGRAM [ARG...]
            """,
        discussion: """
            TARGET is written as for 'mitogen run', and is one: hops joined by '+', from this machine outwards. Options of \
            mitogen come before it.

            PROGRAM runs on this machine, with this terminal, input and output. Each ssh that it starts runs its command \
            in the target, as an sshd there would: by the account's login shell, in its home directory. An account that \
            may not log in (nologin) has sh. Where the program wants a host, any name will do, as in 'remote:file': the \
            target is meant in any case, and names of users and options about the connection count for nothing. What \
            asks for something else than a command, as forwarding does, is refused.

            scp, sftp and git are led there whatever they are configured to; so are programs that look for ssh in PATH. \
            An ssh that is named in the program's own arguments (rsync -e, scp -S) is used if it is named by a path.

            scp and sftp need an sftp-server in the target; 'scp -O' needs scp there, rsync and git need themselves.

            EXAMPLES:
              mitogen fakessh ssh:web1+sudo -- rsync -a site/ remote:/srv/site/
              mitogen fakessh ssh:web1+docker:app -- scp -O remote:/etc/app.conf .
              mitogen fakessh ssh:web1+sudo:deploy -- git push remote:project.git main
              mitogen fakessh ssh:web1+sudo -- sftp remote

            EXIT STATUS:
              The program's own; 128 + n if signal n ended it. Otherwise:
                2    the command line is not right
                3    the program did not end in time
                4    the target could not be reached
                127  the program could not be started
            """
    )

    @Option(
        name: [.customShort("t"), .customLong("target")],
        help: ArgumentHelp("Where ssh leads, instead of the first word.", valueName: "TARGET"),
        completion: TargetCompletion.kind
    )
    package var target: String?

    @Option(help: ArgumentHelp("End the program after so long, counted from its start.", valueName: "SECONDS"))
    package var timeout: String?

    @OptionGroup(title: "Connections")
    package var connections: ConnectionArguments

    @OptionGroup
    var held: HeldArguments

    @Argument(
        parsing: .captureForPassthrough,
        help: ArgumentHelp("The target, and the program with its arguments.", valueName: "WORD")
    )
    package var words: [String] = []

    package init() {}

    package mutating func validate() throws {
        _ = try self.options(self.connections.validatedSettings())
    }

    package mutating func run() throws {
        let options = try self.options(self.connections.validatedSettingsWithPasswords())
        let image: String
        do throws(MitogenError) {
            image = try AgentImage.locate()
        } catch {
            var sink = DescriptorSink()
            try? sink.write("mitogen: \(toolText(error))\n", to: .stderr)
            throw ExitCode(RunExitStatus.unreachable)
        }
        throw ExitCode(try FakeSSHExecution(options: options, image: image).perform())
    }

    /// What the arguments ask for.
    ///
    /// - Throws: `ValidationError` with words for the person who typed them; `CleanExit` if that person wants help.
    package func options(_ hops: HopSettings) throws -> FakeSSHOptions {
        // The parser takes an option that it does not know for the first word.
        if let first = self.words.first, first.hasPrefix("-"), first != "--" {
            if first == "--help" || first == "-h" { throw CleanExit.helpRequest(self) }
            throw ValidationError("\(UnknownOption(first, of: "fakessh"))")
        }
        do {
            return try FakeSSHOptions(
                target: self.target,
                words: self.words,
                timeout: self.timeout,
                hops: hops,
                usesHeld: !self.held.refusesHeld
            )
        } catch {
            throw ValidationError("\(error)")
        }
    }
}

extension FakeSSHCommand: TakesByteArguments {
    var byteArguments: [String] { self.words }
}
