//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// An inventory of Ansible: hosts, groups of hosts and of groups, and their variables.
///
/// What follows from the variables of a host is decided here, without files: see ``targets()``.
struct AnsibleInventory: Hashable, Sendable {
    /// A group.
    struct Group: Hashable, Sendable {
        var hosts: [String] = []
        var children: [String] = []
        var variables: [String: String] = [:]
        /// The same hosts and groups, to find them fast.
        fileprivate var knownHosts: Set<String> = []
        fileprivate var knownChildren: Set<String> = []
    }

    /// The group of all hosts.
    static let all = "all"
    /// The group of hosts that are in no other.
    static let ungrouped = "ungrouped"

    /// The name of the file, for messages.
    let name: String
    private(set) var groups: [String: Group] = [Self.all: Group(), Self.ungrouped: Group()]
    /// The variables of each host.
    private(set) var hosts: [String: [String: String]] = [:]
    /// The hosts in the order in which they were first named.
    private(set) var order: [String] = []
    /// The groups that name each host.
    private var groupsOfHosts: [String: [String]] = [:]

    init(name: String) {
        self.name = name
    }

    // MARK: Filling

    mutating func addGroup(_ group: String) {
        if self.groups[group] == nil { self.groups[group] = Group() }
    }

    mutating func add(host: String, to group: String, variables: [String: String] = [:]) {
        self.addGroup(group)
        if self.hosts[host] == nil {
            self.hosts[host] = [:]
            self.order.append(host)
        }
        self.hosts[host]?.merge(variables) { _, new in new }
        guard self.groups[group]?.knownHosts.insert(host).inserted == true else { return }
        self.groups[group]?.hosts.append(host)
        self.groupsOfHosts[host, default: []].append(group)
    }

    mutating func add(child: String, to group: String) {
        self.addGroup(group)
        self.addGroup(child)
        if self.groups[group]?.knownChildren.insert(child).inserted == true {
            self.groups[group]?.children.append(child)
        }
    }

    mutating func set(_ variables: [String: String], ofGroup group: String) {
        self.addGroup(group)
        self.groups[group]?.variables.merge(variables) { _, new in new }
    }

    // MARK: Groups

    /// The members of each group as node sets; groups in groups as `@NAME`.
    var members: [String: [String]] {
        var members: [String: [String]] = [:]
        for (name, group) in self.groups {
            members[name] = group.hosts.map(Self.escaped) + group.children.map { "@\($0)" }
        }
        let grouped = Set(
            self.groups.filter { ![Self.all, Self.ungrouped].contains($0.key) }.flatMap { $0.value.hosts }
        )
        members[Self.ungrouped] = self.order.filter { !grouped.contains($0) }.map(Self.escaped)
        members[Self.all] = self.order.map(Self.escaped)
        return members
    }

    /// A name of a host as a node set, in which it must not look like more.
    private static func escaped(_ host: String) -> String { TargetEscape.escaped(host[...]) }

    /// How groups lie in groups.
    private struct Tree {
        /// The groups that contain each.
        var parents: [String: [String]] = [:]
        /// How deep each lies below the group of all hosts.
        var depths: [String: Int] = [AnsibleInventory.all: 0]

        /// - Parameter groups: All groups with those in them.
        init(_ groups: [String: Group]) {
            for (name, group) in groups.sorted(by: { $0.key < $1.key }) {
                for child in group.children { self.parents[child, default: []].append(name) }
            }
            var open: Set<String> = []
            for name in groups.keys.sorted() { self.findDepth(of: name, &open) }
        }

        /// Finds each depth once. What goes in a circle counts as if the circle were cut where it is met.
        private mutating func findDepth(of first: String, _ open: inout Set<String>) {
            // Not by recursion: an inventory may have a very long chain of groups.
            var path: [(group: String, next: Int, depth: Int)] = []
            if self.depths[first] == nil { path.append((first, 0, 0)) }
            open = [first]
            while let step = path.last {
                let above = self.parents[step.group] ?? []
                guard step.next < above.count else {
                    self.depths[step.group] = 1 + step.depth
                    open.remove(step.group)
                    path.removeLast()
                    continue
                }
                let parent = above[step.next]
                if let depth = self.depths[parent] {
                    path[path.count - 1].depth = max(step.depth, depth)
                    path[path.count - 1].next += 1
                } else if open.insert(parent).inserted {
                    path.append((parent, 0, 0))
                } else {
                    path[path.count - 1].next += 1
                }
            }
        }
    }

    /// The groups that a host is in, directly or by other groups, those nearer to the host later: their variables win.
    private func groups(of host: String, _ tree: Tree) -> [String] {
        var pending = self.groupsOfHosts[host] ?? []
        var known = Set(pending).union([Self.all])
        while let group = pending.popLast() {
            for parent in tree.parents[group] ?? [] where known.insert(parent).inserted { pending.append(parent) }
        }
        return known.sorted { (tree.depths[$0] ?? 0, $0) < (tree.depths[$1] ?? 0, $1) }
    }

    /// What counts for a host.
    private func variables(of host: String, _ tree: Tree) -> [String: String] {
        var variables: [String: String] = [:]
        for group in self.groups(of: host, tree) {
            variables.merge(self.groups[group]?.variables ?? [:]) { _, new in new }
        }
        return variables.merging(self.hosts[host] ?? [:]) { _, new in new }
    }

    // MARK: Targets

    /// The hosts as they are reached.
    struct Targets: Hashable, Sendable {
        var targets: [String: String] = [:]
        /// What is wrong with hosts that cannot be used; the others can.
        var problems: [String: ArgumentError] = [:]
        /// The variables about connections that mitogen does not use.
        var unused: [String] = []
    }

    /// The target of each host, and the variables about connections that mitogen does not use.
    func targets() -> Targets {
        var result = Targets()
        var unused: Set<String> = []
        let tree = Tree(self.groups)
        for host in self.order {
            do throws(ArgumentError) {
                result.targets[host] = try self.target(of: host, via: [], tree, &unused)
            } catch {
                result.problems[host] = error
            }
        }
        result.unused = unused.sorted()
        return result
    }

    private func target(
        of host: String,
        via path: [String],
        _ tree: Tree,
        _ unused: inout Set<String>
    ) throws(ArgumentError) -> String {
        let variables = AnsibleVariables(self.variables(of: host, tree), host: host, inventory: self.name)
        if let problem = HopKind.controlCharacterProblem(host) { throw variables.error("the name \(problem)") }
        unused.formUnion(variables.unused)
        var hops = try variables.hops()
        if let via = try variables.text("mitogen_via"), !via.isEmpty {
            guard !path.contains(host) else {
                throw ArgumentError(
                    "\(self.name): mitogen_via leads in a circle: \((path + [host]).joined(separator: " → "))",
                    isAboutFile: true
                )
            }
            hops.insert(try self.gateway(via, path + [host], tree, &unused), at: 0)
        }
        return hops.joined(separator: "+")
    }

    /// The hops to a gateway, as Mitogen for Ansible has them: `[[METHOD:]USER@]HOST` is an account of a host of the
    /// inventory. A host that is not in the inventory is reached by ssh, as `[USER@]HOST[:PORT]`.
    private func gateway(
        _ via: String,
        _ path: [String],
        _ tree: Tree,
        _ unused: inout Set<String>
    ) throws(ArgumentError) -> String {
        if self.hosts[via] != nil { return try self.target(of: via, via: path, tree, &unused) }
        guard let sign = via.lastIndex(of: "@"), case let host = String(via[via.index(after: sign)...]),
            self.hosts[host] != nil
        else { return HopKind.ssh.name + ":" + Self.written(destination: via) }
        let account = via[..<sign]
        let colon = account.lastIndex(of: ":")
        let method = colon.map { String(account[..<$0]) } ?? "sudo"
        guard ["sudo", "su", "doas"].contains(method) else {
            throw ArgumentError(
                TerminalSanitizer.visible(
                    "\(self.name): mitogen has no method '\(method)' for mitogen_via '\(via)'; it has sudo, su and doas"
                ),
                isAboutFile: true
            )
        }
        let user = TargetEscape.escaped(colon.map { account[account.index(after: $0)...] } ?? account)
        return try self.target(of: host, via: path, tree, &unused) + "+" + method + (user.isEmpty ? "" : ":\(user)")
    }

    /// A destination of ssh as it is written in a target, in which the brackets of an address stay.
    private static func written(destination: String) -> String {
        let range = SSHDestination.hostRange(in: destination[...])
        let user = TargetEscape.escaped(destination[..<range.lowerBound])
        let rest = destination[range.lowerBound...]
        if SSHDestination.isBareAddress(rest) { return "\(user)[\(rest)]" }
        let host = destination[range]
        let isAddress = host.first == "[" && SSHDestination.isBareAddress(host.dropFirst().dropLast())
        return user + (isAddress ? String(host) : TargetEscape.escaped(host))
            + TargetEscape.escaped(destination[range.upperBound...])
    }
}

/// The variables of a host that say how it is reached.
private struct AnsibleVariables {
    private let values: [String: String]
    private let host: String
    private let inventory: String

    /// What mitogen makes hops of.
    private static let used: Set<String> = [
        "ansible_host", "ansible_user", "ansible_port", "ansible_connection", "ansible_become", "ansible_become_user",
        "ansible_become_method", "mitogen_via", "ansible_ssh_host", "ansible_ssh_user", "ansible_ssh_port",
    ]

    /// What concerns Ansible's modules only.
    private static let irrelevant = ["ansible_python_interpreter", "ansible_shell_type", "ansible_shell_executable"]

    /// The kinds of hops for what Ansible calls connections.
    private static let containers = [
        "docker": "docker", "community.docker.docker": "docker", "podman": "podman",
        "containers.podman.podman": "podman", "buildah": "buildah", "containers.podman.buildah": "buildah",
        "kubectl": "kubectl", "kubernetes.core.kubectl": "kubectl", "lxc": "lxc", "community.general.lxc": "lxc",
        "lxd": "lxd", "community.general.lxd": "lxd", "community.general.incus": "incus", "jail": "jail",
        "community.general.jail": "jail", "mitogen_docker": "docker", "mitogen_kubectl": "kubectl",
        "mitogen_lxc": "lxc", "mitogen_lxd": "lxd", "mitogen_jail": "jail",
    ]

    init(_ values: [String: String], host: String, inventory: String) {
        self.values = values
        self.host = host
        self.inventory = inventory
    }

    /// Variables about connections that are not used.
    var unused: [String] {
        self.values.keys.filter { name in
            name.hasPrefix("ansible_") && !Self.used.contains(name) && !Self.irrelevant.contains(name)
        }
    }

    func error(_ problem: String) -> ArgumentError {
        ArgumentError(
            TerminalSanitizer.visible("\(self.inventory): host '\(self.host)': \(problem)"),
            isAboutFile: true
        )
    }

    func text(_ names: String...) throws(ArgumentError) -> String? {
        for name in names {
            guard let value = self.values[name] else { continue }
            guard !value.contains("{{") else {
                throw self.error("\(name) is a template, which only Ansible can fill in; write its value")
            }
            return value
        }
        return nil
    }

    /// The hops from where the host is reached.
    func hops() throws(ArgumentError) -> [String] {
        let connection = try self.text("ansible_connection") ?? "ssh"
        let address = TargetEscape.escaped((try self.text("ansible_host", "ansible_ssh_host") ?? self.host)[...])
        let user = try self.text("ansible_user", "ansible_ssh_user").map { TargetEscape.escaped($0[...]) + "@" } ?? ""
        var hops: [String] = []
        switch connection {
        case "ssh", "smart", "paramiko", "paramiko_ssh", "ansible.builtin.ssh", "mitogen_ssh":
            let number = try self.text("ansible_port", "ansible_ssh_port")
            if let number, number.isEmpty || !number.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
                throw self.error("ansible_port is a number, not '\(number)'")
            }
            let port = number.map { ":\($0)" } ?? ""
            let isAddress = SSHDestination.isBareAddress(address[...])
            hops.append("\(HopKind.ssh.name):\(user)\(isAddress ? "[\(address)]" : address)\(port)")
        case "local", "ansible.builtin.local", "mitogen_local":
            hops.append(HopKind.local.name)
        default:
            guard let kind = Self.containers[connection] else {
                throw self.error(
                    "mitogen has no connection '\(connection)'; it has ssh, local, docker, podman, buildah, kubectl, lxc, "
                        + "lxd, incus and jail"
                )
            }
            let takesUser = ["docker", "podman", "buildah", "jail"].contains(kind)
            hops.append("\(kind):\(takesUser ? user : "")\(address)")
        }
        if let become = try self.becomeHop() { hops.append(become) }
        return hops
    }

    private func becomeHop() throws(ArgumentError) -> String? {
        switch try self.text("ansible_become")?.lowercased() {
        case nil, "false", "no", "0", "off", "n", "f", "": return nil
        case "true", "yes", "1", "on", "y", "t": break
        case let other?: throw self.error("ansible_become is yes or no, not '\(other)'")
        }
        let method = try self.text("ansible_become_method") ?? "sudo"
        let name = method.split(separator: ".").last.map(String.init) ?? method
        guard ["sudo", "su", "doas"].contains(name) else {
            throw self.error("mitogen has no ansible_become_method '\(method)'; it has sudo, su and doas")
        }
        let user = try self.text("ansible_become_user").map { ":\(TargetEscape.escaped($0[...]))" } ?? ""
        return name + user
    }
}
