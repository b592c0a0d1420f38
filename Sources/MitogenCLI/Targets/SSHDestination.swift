//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen

/// What stands behind `ssh:` in a target: `[USER@]HOST[:PORT]`, with an IPv6 address in brackets.
package struct SSHDestination: Hashable, Sendable {
    package let user: String?
    package let host: String
    package let port: Int?

    /// Creates a destination from its parts.
    init(user: String?, host: String, port: Int?) {
        self.user = user
        self.host = host
        self.port = port
    }

    /// Takes an argument apart that has no ``problem(_:)``.
    package init(_ text: String) {
        let at = text.lastIndex(of: "@")
        user = at.map { String(text[..<$0]) }
        let rest = at.map { text[text.index(after: $0)...] } ?? text[...]
        if rest.first == "[", let end = rest.lastIndex(of: "]") {
            host = String(rest[rest.index(after: rest.startIndex)..<end])
            port = Int(rest[rest.index(after: end)...].dropFirst())
        } else if let colon = rest.firstIndex(of: ":") {
            host = String(rest[..<colon])
            port = Int(rest[rest.index(after: colon)...])
        } else {
            host = String(rest)
            port = nil
        }
    }

    /// Where the host stands in an argument, with its brackets: behind the user, up to a colon outside of brackets.
    static func hostRange(in text: Substring) -> Range<Substring.Index> {
        let bytes = text.utf8
        let start = bytes.lastIndex(of: UInt8(ascii: "@")).map { bytes.index(after: $0) } ?? text.startIndex
        var isInBrackets = false
        let end = bytes[start...].firstIndex { byte in
            if byte == UInt8(ascii: "[") { isInBrackets = true }
            if byte == UInt8(ascii: "]") { isInBrackets = false }
            return byte == UInt8(ascii: ":") && !isInBrackets
        }
        return start..<(end ?? text.endIndex)
    }

    /// What is wrong with an argument; nil if nothing is.
    static func problem(_ text: String) -> String? {
        let destination = SSHDestination(text)
        let rest = text.lastIndex(of: "@").map { text[text.index(after: $0)...] } ?? text[...]
        if self.isBareAddress(rest) { return "needs brackets around an IPv6 address, as in [fe80::1]:22" }
        if destination.user?.isEmpty == true { return "needs a user's name before '@'" }
        if destination.host.isEmpty { return "needs a host" }
        // It would be taken for an option.
        if destination.host.hasPrefix("-") || destination.user?.hasPrefix("-") == true {
            return "may not begin with '-'"
        }
        if let impossible = ConnectionMethod.SSHOptions.problem(withHost: destination.host) {
            return "\(impossible) in the host; it is written [USER@]HOST[:PORT] or ssh://[USER@]HOST[:PORT]"
        }
        let hasPort = rest.first == "[" ? rest.contains("]:") : rest.contains(":")
        if hasPort, destination.port.map({ (1...65_535).contains($0) }) != true {
            return "needs a port between 1 and 65535 after ':'"
        }
        return nil
    }

    /// Whether a text can only be an IPv6 address without its brackets.
    static func isBareAddress(_ text: Substring) -> Bool {
        text.utf8.count { $0 == UInt8(ascii: ":") } >= 2
            && text.prefix { $0 != "%" }.allSatisfy { $0.isHexDigit || $0 == ":" || $0 == "." }
    }
}
