//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import ArgumentParser
internal import Glibc
internal import Mitogen

/// The arguments of `mitogen hold`.
package struct HoldCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "hold",
        abstract: "Keep connections open, for the commands that follow.",
        usage: """
            mitogen hold [-t TARGET]... [--for TIME] [OPTION]...
            mitogen hold --list [--json]
            mitogen hold --end
            """,
        discussion: """
            Connects to targets, written as for 'mitogen run', and returns when all are connected. A process in the \
            background keeps them: 'run', 'copy', 'fetch', 'sync', 'fakessh', 'tree' and 'doctor' use what it holds, and \
            take milliseconds where they would connect otherwise. It is what ControlMaster and ControlPersist are to ssh, for every kind of hop.

            A connection is used by a command that would make it in the same way: with the same hops, the same options \
            for them, and the same environment as far as connections depend on it (HOME, PATH, SSH_AUTH_SOCK, \
            DOCKER_HOST, KUBECONFIG and the like). Any other command makes its own. --no-hold has a command make its \
            own always. Hops behind a held one are made through it, and end with the command.

            A connection that was lost is made anew when it is used next; 'mitogen doctor' tells. Passwords are not kept, \
            so a command that makes one anew needs them as if it made its own.

            What is held can be used by every process of the user who holds it, without a password: a held 'sudo' is root \
            for all of them.

            EXAMPLES:
              mitogen hold -t 'ssh:web[01-50]'
              mitogen hold --ask-become-password -t ssh:web1+sudo --for 2h
              mitogen run -t ssh:web1+sudo -- systemctl restart nginx
              mitogen hold --list
              mitogen hold --end

            EXIT STATUS:
              0 if all targets are held, 4 if one could not be reached, 2 if the command line is not right, 130 after \
              Ctrl-C, 5 if --list or --end had no answer, or what holds connections did not end
            """
    )

    @OptionGroup(title: "Targets")
    package var targets: TargetArguments

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp(
            "How long to hold the targets without use: 30s, 10m, 2h, 1d, or 'forever'. (default: 10m)",
            valueName: "TIME"
        )
    )
    package var time: String?

    @Flag(name: .customLong("list"), help: "Show what is held.")
    package var lists = false

    @Flag(name: .customLong("json"), help: "With --list: write one JSON object for each connection, on one line.")
    package var writesJSON = false

    @Flag(name: .customLong("end"), help: "Close everything that is held.")
    package var ends = false

    @OptionGroup(title: "Connections")
    package var connections: ConnectionArguments

    package init() {}

    package mutating func validate() throws {
        let settings = try self.connections.validatedSettings()
        do {
            _ = try self.time.map(HoldTime.init(parsing:))
            _ = try self.targets.limit()
            try self.targets.checkStandardInput(self.connections.standardInputOptions)
            if self.lists || self.ends { return try self.checkAlone() }
            if self.writesJSON { throw ArgumentError("--json goes with --list") }
            guard !self.targets.targets.isEmpty || !self.targets.hostsFiles.isEmpty || self.targets.inventory.meansAll
            else {
                throw ArgumentError("there is no target to hold: name one with -t")
            }
            let selected = try self.targets.selection(readsFiles: false, kinds: settings.table.kinds).targets
            try Self.check(selected)
        } catch let error as ArgumentError {
            throw error.forCommandLine
        } catch let error as TargetSyntaxError {
            throw ValidationError("\(error)")
        }
    }

    private func checkAlone() throws(ArgumentError) {
        let option = self.lists ? "--list" : "--end"
        if self.lists, self.ends { throw ArgumentError("--list and --end exclude each other") }
        if self.ends, self.writesJSON { throw ArgumentError("--json goes with --list") }
        guard self.targets.targets.isEmpty, self.targets.hostsFiles.isEmpty, self.time == nil else {
            throw ArgumentError("\(option) is for everything that is held, and takes neither targets nor --for")
        }
    }

    private static func check(_ targets: [TargetSpecification]) throws(ArgumentError) {
        guard let target = targets.first(where: { !$0.canBeHeld }) else { return }
        let name = TerminalSanitizer.visible(target.label)
        throw ArgumentError("'\(name)' needs no connection, so there is nothing to hold")
    }

    package mutating func run() throws {
        if self.lists || self.ends { throw ExitCode(try self.look()) }
        let session: HoldSession
        do {
            let hops = try self.connections.settingsWithPasswords()
            let selection = try self.targets.selection(readsFiles: true, kinds: hops.table.kinds)
            try Self.check(selection.targets)
            if let option = hops.ssh.relativeOption {
                throw ArgumentError(
                    "--ssh-option \(TerminalSanitizer.visible(option)): what is held is connected by a process that runs in /, "
                        + "so the path must be absolute"
                )
            }
            var sink = DescriptorSink()
            for warning in selection.warnings + [hops.ssh.warning(for: selection.targets)].compactMap(\.self) {
                try? sink.write("mitogen: \(warning)\n", to: .stderr)
            }
            session = HoldSession(
                targets: selection.targets,
                hops: hops,
                image: try AgentImage.locate(),
                time: try self.time.map(HoldTime.init(parsing:)) ?? .usual,
                fanout: try self.targets.limit()
            )
        } catch let error as ArgumentError {
            throw error.forCommandLine
        } catch let error as TargetSyntaxError {
            throw ValidationError("\(error)")
        }
        let loop = try MainLoop(signals: [SIGINT, SIGTERM])
        let status = loop.run {
            .leave(128 + $0)
        } _: {
            await session.perform()
        }
        throw ExitCode(status)
    }

    private func look() throws -> Int32 {
        let (lists, writesJSON) = (self.lists, self.writesJSON)
        let loop = try MainLoop(signals: [])
        return loop.run { _ in
            .wait
        } _: {
            lists ? await HoldSession.list(asJSON: writesJSON) : await HoldSession.end()
        }
    }
}

/// The process in the background, which `mitogen hold` starts.
package struct HolderCommand: ParsableCommand {
    static let name = "hold-connections"

    package static let configuration = CommandConfiguration(
        commandName: Self.name,
        abstract: "Hold connections for 'mitogen hold', which starts this.",
        shouldDisplay: false
    )

    @Argument(help: ArgumentHelp("Where commands find it.", valueName: "SOCKET"))
    package var socket: String

    package init() {}

    package mutating func run() throws {
        throw ExitCode(try HolderProcess(socket: self.socket, image: try AgentImage.locate()).perform())
    }
}

/// The option of the commands that use what is held.
package struct HeldArguments: ParsableArguments {
    @Flag(name: .customLong("no-hold"), help: "Use no connection that 'mitogen hold' keeps open.")
    package var refusesHeld = false

    package init() {}
}
