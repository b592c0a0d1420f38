//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import ArgumentParser

/// The options that say where groups and the names of hosts come from.
package struct InventoryArguments: ParsableArguments {
    @Option(
        name: [.customShort("i"), .customLong("inventory")],
        help: ArgumentHelp(
            "Where groups and hosts are looked for: a file or program of Ansible, groups of ClusterShell, or ssh for the "
                + "hosts of ~/.ssh/config. May be given several times.",
            valueName: "FILE"
        ),
        completion: .file()
    )
    package var inventories: [String] = []

    @Flag(name: .customLong("all"), help: "All hosts of the inventories; the same as -t @*.")
    package var meansAll = false

    package init() {}

    /// Whether texts can only be understood with inventories: they name groups, or hosts of an inventory.
    func isNeeded(for texts: [String]) -> Bool {
        !self.inventories.isEmpty || texts.contains(where: Self.namesGroup)
    }

    /// The groups that texts may name, and what is to be said about them. Files and programs are read if they are needed.
    ///
    /// - Throws: ``ArgumentError``.
    func groups(for texts: [String]) throws(ArgumentError) -> (groups: NodeGroups, warnings: [String]) {
        guard self.isNeeded(for: texts) else { return (.none, []) }
        var reader = InventoryReader(home: DescriptorSink.environmentVariable("HOME"))
        for inventory in self.inventories { try reader.add(inventory) }
        // An inventory that is named is meant alone.
        if self.inventories.isEmpty { try reader.addUsual() }
        var groups = reader.groups
        groups.isNamed = !self.inventories.isEmpty
        return (groups, reader.warnings)
    }

    /// Whether an `@` stands where a group may begin, and not between a user and a host.
    static func namesGroup(_ text: String) -> Bool {
        var previous: UInt8?
        for byte in text.utf8 {
            if byte == UInt8(ascii: "@"), previous.map({ ",!&^:@+ ".utf8.contains($0) }) ?? true { return true }
            previous = byte
        }
        return false
    }
}
