//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import ArgumentParser
internal import Mitogen

/// The arguments of `mitogen tree`.
package struct TreeCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "tree",
        abstract: "Connect to targets, and show the contexts on the way as a tree.",
        discussion: """
            Each context is shown with its number, its process, the user and the host that it runs as and on, the \
            median time of a call, and the memory that it occupies. Targets that begin alike share their first \
            contexts, as for 'mitogen run'.

            EXAMPLES:
              mitogen tree -t local+local:b
              mitogen tree -t 'ssh:web[1-2]+sudo'
              mitogen tree --json -t ssh:web1

            EXIT STATUS:
              0 if all targets were reached, 4 if one was not, 2 if the command line is not right
            """
    )

    @Option(
        name: [.customShort("t"), .customLong("target")],
        help: ArgumentHelp(
            "Node sets of targets, as for 'mitogen run'; may be given several times. (default: local)",
            valueName: "TARGET"
        ),
        completion: TargetCompletion.kind
    )
    package var targets: [String] = []

    @Flag(name: .customLong("json"), help: "Write one JSON object for each context, on one line.")
    package var writesJSON = false

    @OptionGroup
    package var inventory: InventoryArguments

    @OptionGroup(title: "Connections")
    package var connections: ConnectionArguments

    @OptionGroup(title: "Connections")
    package var held: HeldArguments

    package init() {}

    package mutating func validate() throws {
        _ = try self.specifications(self.connections.validatedSettings(), readsInventory: false)
    }

    package mutating func run() throws {
        let hops = try self.connections.validatedSettingsWithPasswords()
        let survey = TreeSurvey(
            targets: try self.specifications(hops, readsInventory: true),
            hops: hops,
            image: try AgentImage.locate(),
            usesHeld: !self.held.refusesHeld,
            writesJSON: self.writesJSON
        )
        let loop = try MainLoop(signals: [])
        let status = loop.run { _ in
            .wait
        } _: {
            await survey.perform()
        }
        throw ExitCode(status)
    }

    private func specifications(_ hops: HopSettings, readsInventory: Bool) throws -> [TargetSpecification] {
        try TargetSelection.targets(
            named: self.targets.isEmpty && !self.inventory.meansAll ? ["local"] : self.targets,
            kinds: hops.table.kinds,
            inventory: self.inventory,
            readsInventory: readsInventory
        )
    }
}
