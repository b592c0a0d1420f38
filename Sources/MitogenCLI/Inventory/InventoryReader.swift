//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Glibc

/// Finds out what an inventory is, and reads it.
///
/// The form is told by the content, so that no option is needed for it: a program is run, JSON begins with a brace, a
/// `groups.conf` has `map`, a file of groups has lines `GROUP: NODES`, and what is left is Ansible's INI.
struct InventoryReader {
    /// The name that means the hosts of ssh's configuration.
    static let ssh = "ssh"

    private(set) var sources: [NodeGroups.Source] = []
    private(set) var targets: [String: String] = [:]
    private var problems: [String: ArgumentError] = [:]
    /// What is to be said before the run.
    private(set) var warnings: [String] = []
    private let home: String?

    init(home: String?) {
        self.home = home
    }

    var groups: NodeGroups { NodeGroups(sources: self.sources, targets: self.targets, problems: self.problems) }

    /// The groups of the user's own file, and of ClusterShell's configuration, where they are there.
    ///
    /// - Throws: ``ArgumentError`` if one is there and cannot be used.
    mutating func addUsual() throws(ArgumentError) {
        let folder = self.home.map { "\($0)/.config" }
        if let own = folder.map({ "\($0)/mitogen/groups.conf" }), access(own, F_OK) == 0 { try self.addFile(own) }
        // The user's own configuration replaces that of the system, as for ClusterShell.
        let folders = [
            DescriptorSink.environmentVariable("CLUSTERSHELL_CFGDIR"),
            (DescriptorSink.environmentVariable("XDG_CONFIG_HOME") ?? folder).map { "\($0)/clustershell" },
            "/etc/clustershell",
        ]
        let files = folders.compactMap(\.self).filter { !$0.isEmpty }.map { "\($0)/groups.conf" }
        if let first = files.first(where: { access($0, F_OK) == 0 }) { try self.addFile(first) }
    }

    /// Reads an inventory.
    ///
    /// - Parameter name: A file, a program, a folder of Ansible, `ssh`, or `ssh:FILE`.
    /// - Throws: ``ArgumentError``.
    mutating func add(_ name: String) throws(ArgumentError) {
        if name == Self.ssh { return try self.addSSH(self.home.map { "\($0)/.ssh/config" }) }
        if name.hasPrefix("\(Self.ssh):") { return try self.addSSH(String(name.dropFirst(Self.ssh.utf8.count + 1))) }
        if name.hasSuffix(",") {
            throw ArgumentError(
                "-i '\(TerminalSanitizer.visible(name))' is a list of hosts, which -t takes: -t ssh:\(name.dropLast())"
            )
        }
        var status = stat()
        guard stat(name, &status) == 0 else { throw Self.file(name).unreadable(errno) }
        let isFolder = status.st_mode & S_IFMT == S_IFDIR
        if isFolder || [".yml", ".yaml"].contains(where: name.hasSuffix) { return try self.addByAnsible(name) }
        if access(name, X_OK) == 0 { return try self.addProgram(name) }
        try self.addFile(name)
    }

    private static func file(_ name: String) -> TextFile {
        TextFile(
            kind: "inventory",
            content: "hosts and groups",
            name: TerminalSanitizer.visible(name),
            hasQuotes: true
        )
    }

    private static func read(_ name: String) throws(ArgumentError) -> [UInt8] {
        let descriptor = open(name, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw self.file(name).unreadable(errno) }
        defer { close(descriptor) }
        return try self.file(name).read(descriptor)
    }

    private static func baseName(_ path: String) -> String {
        let last = path.split(separator: "/").last.map(String.init) ?? path
        return last.split(separator: ".").first.map(String.init) ?? last
    }

    // MARK: Forms

    private mutating func addFile(_ name: String) throws(ArgumentError) {
        let bytes = try Self.read(name)
        let shown = TerminalSanitizer.visible(name)
        if bytes.first(where: { ![0x20, 0x09, 0x0a, 0x0d].contains($0) }) == UInt8(ascii: "{") {
            return self.add(try AnsibleInventory(name: shown, json: bytes))
        }
        let lines = try Self.file(name).lines(of: bytes)
        if GroupsConfiguration.isConfiguration(lines) { return try self.addConfiguration(lines, name) }
        if let first = lines.first, GroupFile.isGroup(first.text) {
            let groups = try GroupFile.groups(of: lines, name: shown)
            self.sources.append(NodeGroups.Source(name: Self.baseName(name), place: shown, groups: groups))
            return
        }
        guard !lines.isEmpty else {
            throw ArgumentError("the inventory '\(shown)' names no host", isAboutFile: true)
        }
        self.add(try AnsibleInventory(name: shown, ini: lines))
        let folder = Self.folder(of: name)
        for beside in ["group_vars", "host_vars"] where access("\(folder)/\(beside)", F_OK) == 0 {
            self.warnings.append(
                "the variables in \(TerminalSanitizer.visible("\(folder)/\(beside)")) are not read; `ansible-inventory -i "
                    + "\(shown) --list >FILE` writes an inventory with them"
            )
        }
    }

    private mutating func add(_ inventory: AnsibleInventory) {
        let described = inventory.targets()
        let unused = described.unused
        // What the first inventory says of a host counts, also if it cannot be used.
        for (host, target) in described.targets where self.problems[host] == nil && self.targets[host] == nil {
            self.targets[host] = target
        }
        for (host, problem) in described.problems where self.targets[host] == nil && self.problems[host] == nil {
            self.problems[host] = problem
        }
        let members = inventory.members
        self.sources.append(
            NodeGroups.Source(
                name: Self.baseName(inventory.name),
                place: inventory.name,
                groups: members,
                all: members[AnsibleInventory.all] ?? []
            )
        )
        if !unused.isEmpty {
            self.warnings.append("\(inventory.name) sets \(unused.joined(separator: ", ")), which mitogen does not use")
        }
    }

    private mutating func addProgram(_ name: String) throws(ArgumentError) {
        let path = name.contains("/") ? name : "./\(name)"
        try self.addOutput(of: [path, "--list"], name)
    }

    private mutating func addByAnsible(_ name: String) throws(ArgumentError) {
        guard ProgramSearch.own.path(of: "ansible-inventory") != nil else {
            throw ArgumentError(
                "'\(TerminalSanitizer.visible(name))' needs ansible-inventory, which is not installed: mitogen reads YAML and "
                    + "folders by it; an INI file or JSON needs nothing",
                isAboutFile: true
            )
        }
        try self.addOutput(of: ["ansible-inventory", "-i", name, "--list"], name)
    }

    private mutating func addOutput(of words: [String], _ name: String) throws(ArgumentError) {
        let command = CommandQuoting.shellQuoted(words)
        let (bytes, status) = try CommandOutput.of(command)
        guard status == 0 else {
            throw ArgumentError("the inventory program '\(command)' ended with status \(status)", isAboutFile: true)
        }
        self.add(try AnsibleInventory(name: TerminalSanitizer.visible(name), json: bytes))
    }

    // MARK: ClusterShell

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private mutating func addConfiguration(_ lines: [TextFile.Line], _ name: String) throws(ArgumentError) {
        let folder = Self.folder(of: name)
        let main = try GroupsConfiguration(lines, name: TerminalSanitizer.visible(name), folder: folder)
        var sources = main.sources
        for place in main.folders {
            let path = place.hasPrefix("/") ? place : "\(folder)/\(place)"
            for file in Self.files(in: path, ending: ".conf") {
                let lines = try Self.file(file).lines(of: try Self.read(file))
                sources += try GroupsConfiguration(
                    lines,
                    name: TerminalSanitizer.visible(file),
                    folder: Self.folder(of: file)
                ).sources
            }
        }
        for place in main.yamlFolders {
            let path = place.hasPrefix("/") ? place : "\(folder)/\(place)"
            guard let first = Self.files(in: path, ending: ".yaml").first else { continue }
            self.warnings.append(
                "the groups in \(TerminalSanitizer.visible(first)) are not read: mitogen has no YAML for ClusterShell's 'autodir'"
            )
        }
        // The default source is asked where none is named; the others are asked by name only.
        let first = main.defaultSource ?? sources.first?.name
        let place = TerminalSanitizer.visible(name)
        self.sources += sources.map { Self.source($0, of: place, isNamedOnly: $0.name != first) }
    }

    private static func files(in folder: String, ending: String) -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { name in
                String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(ending), name.first != "." { names.append("\(folder)/\(name)") }
        }
        return names.sorted()
    }

    private static func source(
        _ source: GroupsConfiguration.Source,
        of file: String,
        isNamedOnly: Bool
    ) -> NodeGroups.Source {
        NodeGroups.Source(
            name: source.name,
            place: "\(file) [\(TerminalSanitizer.visible(source.name))]",
            isNamedOnly: isNamedOnly,
            members: { (group) throws(ArgumentError) in
                // A command that finds nothing mostly ends with 0 all the same.
                // One that fails has no such group, and may say so by its status.
                let members = try Self.words(ofCommand: try source.mapCommand(for: group), mayFail: true)
                return members?.isEmpty == true ? nil : members
            },
            list: { () throws(ArgumentError) in try Self.words(ofCommand: source.list, mayFail: false) },
            all: { () throws(ArgumentError) in try Self.words(ofCommand: source.all, mayFail: false) }
        )
    }

    private static func words(
        ofCommand command: String?,
        mayFail: Bool
    ) throws(ArgumentError) -> [String]? {
        guard let command else { return nil }
        let (bytes, status) = try CommandOutput.of(command)
        // That of `grep` which finds nothing is 1: there is no such group, and a next source may have it.
        if status == 1, mayFail { return nil }
        guard status == 0 else {
            throw ArgumentError(
                "the command '\(TerminalSanitizer.visible(command))' of a source of groups ended with status \(status)",
                isAboutFile: true
            )
        }
        return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).map(String.init)
    }

    // MARK: ssh

    private mutating func addSSH(_ path: String?) throws(ArgumentError) {
        guard let path else { throw ArgumentError("-i ssh reads ~/.ssh/config, but HOME is not set") }
        var hosts = NodeSet()
        try self.readSSH(path, &hosts, depth: 0)
        guard !hosts.isEmpty else {
            throw ArgumentError(
                "'\(TerminalSanitizer.visible(path))' names no host without wildcards",
                isAboutFile: true
            )
        }
        for host in hosts.names where self.targets[host] == nil {
            self.targets[host] = "\(HopKind.ssh.name):\(TargetEscape.escaped(host[...]))"
        }
        let names = hosts.names.map { TargetEscape.escaped($0[...]) }
        let place = TerminalSanitizer.visible(path)
        self.sources.append(NodeGroups.Source(name: Self.ssh, place: place, groups: ["all": names], all: names))
    }

    private func readSSH(_ path: String, _ hosts: inout NodeSet, depth: Int) throws(ArgumentError) {
        // As OpenSSH does.
        guard depth < 16 else {
            throw ArgumentError("'\(TerminalSanitizer.visible(path))' includes itself", isAboutFile: true)
        }
        let content = SSHConfigHosts.content(of: try Self.file(path).lines(of: try Self.read(path)))
        hosts.combine(with: content.hosts, .union)
        for include in content.includes {
            for file in self.included(include) { try self.readSSH(file, &hosts, depth: depth + 1) }
        }
    }

    /// The files that an `Include` means; as for ssh there may be none.
    private func included(_ pattern: String) -> [String] {
        var path = pattern
        if let home, path.hasPrefix("~/") { path = home + path.dropFirst(1) }
        if !path.hasPrefix("/") { path = "\(self.home ?? "")/.ssh/\(path)" }
        var found = glob_t()
        defer { globfree(&found) }
        guard glob(path, 0, nil, &found) == 0, let paths = found.gl_pathv else { return [] }
        return (0..<Int(found.gl_pathc)).compactMap { index in paths[index].map { String(cString: $0) } }
    }
}
