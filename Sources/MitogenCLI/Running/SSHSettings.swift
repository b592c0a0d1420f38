//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Glibc
internal import Mitogen

/// What the command line says to ssh, for all hops or for those to a host.
struct SSHSettings: Hashable, Sendable {
    /// A value, and the hosts that it is for; nil for all.
    private struct Value: Hashable {
        let hosts: TargetExclusions?
        let text: String

        /// What comes before the value of an option.
        var name: String { String(self.text.prefix { $0 != "=" && $0 != " " }).lowercased() }

        /// The value of an option; nil if it has none.
        var value: Substring? {
            let rest = self.text.dropFirst(self.name.count)
            return rest.isEmpty ? nil : rest.drop { $0 == " " || $0 == "=" }
        }

        func isFor(_ hop: Hop) -> Bool { self.hosts?.matching(TargetSpecification(hops: [hop])).isEmpty == false }
    }

    private var configs: [Value] = []
    private var options: [Value] = []
    private var identities: [Value] = []
    private var hostKeys = ConnectionMethod.SSHOptions.HostKeyCheck.configured

    init() {}

    /// Takes the values of the command line's options, each with `ssh:HOST=` before it if it is for that host.
    ///
    /// - Throws: ``ArgumentError``.
    init(
        configs: [String],
        options: [String],
        identities: [String],
        hostKeys: ConnectionMethod.SSHOptions.HostKeyCheck
    ) throws(ArgumentError) {
        self.configs = try Self.values(configs, "--ssh-config")
        self.options = try Self.values(options, "--ssh-option")
        self.identities = try Self.values(identities, "--identity")
        self.hostKeys = hostKeys
        for (values, name) in [(self.configs, "--ssh-config"), (self.identities, "--identity")]
        where values.count(where: { $0.hosts == nil }) > 1 {
            throw ArgumentError("\(name) can be given once without ssh:HOST=")
        }
        for option in self.options {
            guard let problem = ConnectionMethod.SSHOptions.problem(withArguments: ["-o", option.text]) else {
                continue
            }
            throw ArgumentError("--ssh-option: \(TerminalSanitizer.visible(problem))")
        }
    }

    private static func values(_ texts: [String], _ name: String) throws(ArgumentError) -> [Value] {
        var values: [Value] = []
        for text in texts {
            let start = "\(HopKind.ssh.name):"
            guard text.hasPrefix(start), let equals = text.firstIndex(of: "=") else {
                values.append(Value(hosts: nil, text: text))
                continue
            }
            do throws(TargetSyntaxError) {
                let hosts = try TargetExclusions([String(text[..<equals].dropFirst(start.count))], kinds: [.ssh])
                values.append(Value(hosts: hosts, text: String(text[text.index(after: equals)...])))
            } catch {
                throw ArgumentError("\(name): \(error)")
            }
        }
        if values.contains(where: \.text.isEmpty) { throw ArgumentError("\(name) needs a value") }
        return values
    }

    /// Sets what counts for a hop.
    ///
    /// - Parameter runsHere: Whether its ssh runs on this machine, whose paths are those that are for all hops.
    func apply(to options: inout ConnectionMethod.SSHOptions, for hop: Hop, runsHere: Bool) {
        func file(_ values: [Value]) -> String? {
            let value = values.first { $0.isFor(hop) } ?? (runsHere ? values.first { $0.hosts == nil } : nil)
            return value?.text
        }
        // Absolute, as ssh may be started by a process that runs in another folder, such as the one that holds connections.
        func own(_ path: String?) -> String? { runsHere ? path.map(Self.absolute) : path }
        options.configFile = own(file(self.configs))
        options.identityFile = own(file(self.identities))
        options.hostKeyCheck = self.hostKeys
        // ssh takes the first value of an option.
        let general = self.options.filter { $0.hosts == nil && (runsHere || !Self.namesFile($0.text)) }
        options.sshArguments = (self.options.filter { $0.isFor(hop) } + general).flatMap { ["-o", $0.text] }
    }

    /// A path with the current folder before it, unless it is absolute or ssh puts something in its place.
    private static func absolute(_ path: String) -> String {
        guard Self.isRelative(path), let folder = getcwd(nil, 0) else { return path }
        defer { free(folder) }
        return "\(String(cString: folder))/\(path)"
    }

    /// Refuses configurations and keys for ssh on this machine that are not there, as far as their names say so: ssh would
    /// tell it in the middle of a run, or use other keys.
    ///
    /// - Throws: ``ArgumentError``.
    func checkFiles() throws(ArgumentError) {
        for (values, option) in [(self.configs, "--ssh-config"), (self.identities, "--identity")] {
            for path in values.filter({ $0.hosts == nil }).map(\.text)
            where path.hasPrefix("/") || Self.isRelative(path) {
                let error = access(path, R_OK) == 0 ? 0 : errno
                // The key itself may be the agent's.
                if error == 0 || (option == "--identity" && access("\(path).pub", R_OK) == 0) { continue }
                throw ArgumentError(
                    "\(option) '\(TerminalSanitizer.visible(path))' cannot be read: \(String(cString: strerror(error)))"
                )
            }
        }
    }

    private static func isRelative(_ path: some StringProtocol) -> Bool {
        // ssh reads no file then.
        guard path != "none", let first = path.utf8.first else { return false }
        // ssh_config(5): a tilde, tokens and variables of the environment.
        return ![UInt8(ascii: "/"), UInt8(ascii: "~"), UInt8(ascii: "%"), UInt8(ascii: "$")].contains(first)
    }

    /// An option with a path that is relative, and so depends on where ssh is started; nil if there is none.
    var relativeOption: String? {
        self.options.first { option in
            Self.namesFile(option.text) && !Self.optionsWithCommands.contains(option.name)
                && option.value != "SSH_AUTH_SOCK" && option.value.map(Self.isRelative) == true
        }?.text
    }

    /// What to say where values that name files of this machine do not count for an ssh that runs elsewhere, and it has
    /// no others; nil if there is no such ssh.
    func warning(for targets: [TargetSpecification]) -> String? {
        let files = self.options.filter { $0.hosts == nil && Self.namesFile($0.text) }
        guard !files.isEmpty || (self.configs + self.identities).contains(where: { $0.hosts == nil }) else {
            return nil
        }
        for target in targets {
            for (index, hop) in target.hops.enumerated() where hop.kind == HopKind.ssh.name {
                guard !target.hops[..<index].allSatisfy(\.staysHere) else { continue }
                let names = self.missing(files, for: hop)
                guard let name = names.last else { continue }
                let (host, all) = (TerminalSanitizer.visible(hop.canonicalText), names.joined(separator: " and "))
                return "\(all) without a host is for ssh on this machine, and not for \(host) in "
                    + "'\(TerminalSanitizer.visible(target.canonicalText))'; for that one give a path of where its ssh "
                    + "runs: \(name) ssh:HOST=\(name == "--ssh-option" ? "NAME=PATH" : "PATH")"
            }
        }
        return nil
    }

    /// The command line's options whose values for all do not count for a hop elsewhere, and that have none for its
    /// host.
    private func missing(_ files: [Value], for hop: Hop) -> [String] {
        func isMissing(_ values: [Value]) -> Bool {
            values.contains { $0.hosts == nil } && !values.contains { $0.isFor(hop) }
        }
        var names: [String] = []
        if isMissing(self.configs) { names.append("--ssh-config") }
        if isMissing(self.identities) { names.append("--identity") }
        let own = self.options.filter { $0.isFor(hop) }.map(\.name)
        if files.contains(where: { !own.contains($0.name) }) { names.append("--ssh-option") }
        return names
    }

    /// The options whose values are paths, or commands with paths.
    private static let optionsWithFiles: Set = [
        "certificatefile", "controlpath", "globalknownhostsfile", "identityagent", "identityfile", "include",
        "knownhostscommand", "pkcs11provider", "proxycommand", "revokedhostkeys", "securitykeyprovider",
        "userknownhostsfile", "xauthlocation",
    ]

    /// Those whose values are commands, or names of libraries: they are looked for elsewhere.
    private static let optionsWithCommands: Set = [
        "knownhostscommand", "pkcs11provider", "proxycommand", "securitykeyprovider",
    ]

    private static func namesFile(_ option: String) -> Bool {
        let option = Value(hosts: nil, text: option)
        // These are everywhere.
        return self.optionsWithFiles.contains(option.name) && option.value != "/dev/null" && option.value != "none"
    }
}
