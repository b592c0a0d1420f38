//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import ArgumentParser
internal import Mitogen

/// The arguments of `mitogen doctor`.
package struct DoctorCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Connect to targets, and tell what took how long or what is wrong.",
        discussion: """
            Each hop of a target is connected in turn, and each stage is shown with its time: until the far side's \
            shell answers, until its image is chosen and sent, and until the program has started. If one fails, the \
            cause has a name, and there is a hint what to do about it.

            EXAMPLES:
              mitogen doctor ssh:web1
              mitogen doctor --ask-become-password ssh:web1+sudo
              mitogen doctor --json 'ssh:web[1-2]'

            EXIT STATUS:
              0 if all targets were reached, 4 if one was not, 2 if the command line is not right
            """
    )

    @Flag(name: .customLong("json"), help: "Write one JSON object for each hop, on one line.")
    package var writesJSON = false

    @OptionGroup
    package var inventory: InventoryArguments

    @OptionGroup(title: "Connections")
    package var connections: ConnectionArguments

    @OptionGroup(title: "Connections")
    package var held: HeldArguments

    @Argument(
        help: ArgumentHelp("Node sets of targets, as for 'mitogen run'.", valueName: "TARGET"),
        completion: TargetCompletion.kind
    )
    package var targets: [String] = []

    package init() {}

    package mutating func validate() throws {
        let settings = try self.connections.validatedSettings()
        if self.targets.isEmpty, !self.inventory.meansAll {
            throw ValidationError("there is no target: mitogen doctor TARGET...")
        }
        _ = try self.specifications(settings, readsInventory: false)
    }

    package mutating func run() throws {
        let hops = try self.connections.validatedSettingsWithPasswords()
        let doctor = Doctor(
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
            await doctor.examine()
        }
        throw ExitCode(status)
    }

    private func specifications(_ hops: HopSettings, readsInventory: Bool) throws -> [TargetSpecification] {
        try TargetSelection.targets(
            named: self.targets,
            kinds: hops.table.kinds,
            inventory: self.inventory,
            readsInventory: readsInventory
        )
    }
}
