//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension AnsibleInventory {
    /// Reads what an inventory program writes when it is asked with `--list`, and `ansible-inventory --list`.
    ///
    /// - Throws: ``ArgumentError``.
    init(name: String, json bytes: [UInt8]) throws(ArgumentError) {
        self.init(name: name)
        let value: JSONValue
        do throws(JSONValue.SyntaxError) {
            value = try JSONValue(parsing: bytes)
        } catch {
            throw self.error("this is no JSON: \(error.problem) at byte \(error.offset)")
        }
        guard let groups = value.object else {
            throw self.error("a JSON inventory is an object with a member per group")
        }
        let meta = groups["_meta"]?["hostvars"]?.object
        for (group, content) in groups.sorted(by: { $0.key < $1.key }) where group != "_meta" {
            try self.add(group, content)
        }
        guard meta != nil || self.order.isEmpty else {
            throw self.error(
                "there is no _meta.hostvars; a program that is asked for each host with --host is not supported"
            )
        }
        for (host, variables) in (meta ?? [:]).sorted(by: { $0.key < $1.key }) {
            self.add(host: host, to: Self.all, variables: Self.texts(variables))
        }
    }

    private func error(_ problem: String) -> ArgumentError {
        ArgumentError("\(self.name): \(TerminalSanitizer.visible(problem))", isAboutFile: true)
    }

    private mutating func add(_ group: String, _ content: JSONValue) throws(ArgumentError) {
        self.addGroup(group)
        if let hosts = content.strings {
            for host in hosts { self.add(host: host, to: group) }
            return
        }
        guard content.object != nil else {
            throw self.error("group '\(group)' is neither a list of hosts nor an object with 'hosts' and 'children'")
        }
        for (key, add) in [("hosts", true), ("children", false)] {
            guard let list = content[key] else { continue }
            guard let names = list.strings else { throw self.error("'\(key)' of group '\(group)' is no list of names") }
            for name in names { if add { self.add(host: name, to: group) } else { self.add(child: name, to: group) } }
        }
        if let variables = content["vars"] { self.set(Self.texts(variables), ofGroup: group) }
    }

    /// The variables that are single values: what is made of others says nothing about a connection.
    private static func texts(_ variables: JSONValue) -> [String: String] {
        (variables.object ?? [:]).compactMapValues(\.scalarText)
    }
}
