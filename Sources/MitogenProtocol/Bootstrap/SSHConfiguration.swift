//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What `ssh -G -N HOST` prints (ssh(1), from OpenSSH 6.8 on): the configuration that ssh uses for a host, with a keyword
/// in lower case and its value on each line. Empty where ssh does not know `-G`.
///
/// Because of the `-N` the value of `sessiontype` is always `none`, and says only that ssh knows the keyword.
package struct SSHConfiguration: Sendable, Equatable {
    /// The first value of each keyword, as it is the one that counts.
    private var values: [String: String] = [:]

    package init(lines: [String]) {
        for line in lines {
            guard let space = line.utf8.firstIndex(of: 0x20) else { continue }
            let keyword = String(line[..<space])
            if values[keyword] == nil { values[keyword] = String(line[line.utf8.index(after: space)...]) }
        }
    }

    /// The same for another name, which matches the same patterns; nil if this cannot be told.
    package func renamed(from name: String, to other: String) -> SSHConfiguration? {
        guard ["no", "false"].contains(values["canonicalizehostname"]),
            values["canonicalizePermittedcnames"] ?? values["canonicalizepermittedcnames"] ?? "none" == "none"
        else { return nil }
        let isNamed = values["hostname"] == name
        // `%h.example.com`, or a text that happens to be like the name.
        let others = (isNamed ? [] : ["hostname"]) + ["proxyjump", "proxycommand"]
        guard others.allSatisfy({ !ByteSearch.contains(values[$0] ?? "", name) }) else { return nil }
        var result = self
        if isNamed { result.values["hostname"] = other }
        return result
    }

    /// The value of a keyword in lower case; nil if this ssh does not know it, or says nothing because it is not set.
    package subscript(keyword: String) -> String? { values[keyword] }

    /// What a connection cannot work with: the keyword, the option, and the value that it needs.
    ///
    /// The options are newer than many an ssh in use (`RemoteCommand` came with OpenSSH 7.6, the others with 8.7), and one
    /// that ssh does not know ends it. So they are passed only where ssh itself has named the keyword.
    private static let needed = [
        ("remotecommand", "RemoteCommand", "none"), ("sessiontype", "SessionType", "default"),
        ("stdinnull", "StdinNull", "no"), ("forkafterauthentication", "ForkAfterAuthentication", "no"),
    ]

    /// The arguments that ssh needs because of its configuration.
    ///
    /// - Parameter keepalive: Seconds between ssh's questions whether the server is still there, where the configuration
    ///   has none; nil for none.
    package func arguments(keepalive: Int?) -> [String] {
        var result: [String] = []
        for (keyword, option, value) in Self.needed {
            if let configured = values[keyword], configured != value { result += ["-o", "\(option) \(value)"] }
        }
        if let keepalive, values["serveraliveinterval"] ?? "0" == "0" {
            result += ["-o", "ServerAliveInterval \(keepalive)"]
        }
        return result
    }

    /// The server that ssh connects to, as one name for all ways to write it; nil if that is not known.
    package var server: String? {
        guard let host = values["hostname"] else { return nil }
        return "\(host):\(values["port"] ?? "22")"
    }

    /// The hosts that ssh goes through, in their order (`ProxyJump`).
    package var jumps: [SSHJump] {
        guard let list = values["proxyjump"], list != "none" else { return [] }
        return list.utf8.split(separator: UInt8(ascii: ",")).map { SSHJump(String(Substring($0))) }
    }

    /// Whether any number of servers may be logged in to on the way: another program than ssh makes the connection, or
    /// ssh has not answered.
    package var hidesServers: Bool { values.isEmpty || proxyCommand != nil && jumpCommand == nil }

    private var proxyCommand: String? {
        let command = values["proxycommand"]
        return command == "none" ? nil : command
    }

    /// The command that makes the connection, if it is another ssh, which leads through a jump host, too.
    package var jumpCommand: String? {
        guard let command = proxyCommand else { return nil }
        let words = command.utf8.split(separator: 0x20).filter { !$0.elementsEqual("exec".utf8) }
        let program = words.first?.split(separator: UInt8(ascii: "/")).last
        return program?.elementsEqual("ssh".utf8) == true ? command : nil
    }
}

/// A host in `ProxyJump`: `[USER@]HOST[:PORT]`, or the same as an `ssh://` URI.
package struct SSHJump: Sendable, Equatable {
    package let host: String
    package let port: String?

    init(_ text: String) {
        let scheme = Array("ssh://".utf8)
        var rest = text.utf8.starts(with: scheme) ? text.utf8.dropFirst(scheme.count) : Substring(text).utf8
        if let at = rest.lastIndex(of: UInt8(ascii: "@")) { rest = rest[rest.index(after: at)...] }
        if rest.last == UInt8(ascii: "/") { rest = rest.dropLast() }
        if rest.first == UInt8(ascii: "["), let end = rest.lastIndex(of: UInt8(ascii: "]")) {
            host = String(Substring(rest[..<end].dropFirst()))
            let port = rest[rest.index(after: end)...].dropFirst()
            self.port = port.isEmpty ? nil : String(Substring(port))
        } else if let colon = rest.lastIndex(of: UInt8(ascii: ":")), rest.firstIndex(of: UInt8(ascii: ":")) == colon {
            host = String(Substring(rest[..<colon]))
            port = String(Substring(rest[rest.index(after: colon)...]))
        } else {
            host = String(Substring(rest))
            port = nil
        }
    }
}
