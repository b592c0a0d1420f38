//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What stands behind `ssh:` in a target: `[USER@]HOST[:PORT]`, with an IPv6 address in brackets.
package struct SSHDestination: Hashable, Sendable {
    package let user: String?
    package let host: String
    package let port: Int?

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

    /// What is wrong with an argument; nil if nothing is.
    static func problem(_ text: String) -> String? {
        let destination = SSHDestination(text)
        if destination.user?.isEmpty == true { return "needs a user's name before '@'" }
        if destination.host.isEmpty { return "needs a host" }
        // It would be taken for an option.
        if destination.host.hasPrefix("-") || destination.user?.hasPrefix("-") == true {
            return "may not begin with '-'"
        }
        if destination.host.contains(where: \.isWhitespace) { return "may not contain spaces" }
        let rest = text.lastIndex(of: "@").map { text[text.index(after: $0)...] } ?? text[...]
        let hasPort = rest.first == "[" ? rest.contains("]:") : rest.contains(":")
        if hasPort, destination.port.map({ (1...65_535).contains($0) }) != true {
            return "needs a port between 1 and 65535 after ':'"
        }
        return nil
    }
}
