//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Takes the text of a target apart.
struct TargetScanner {
    /// A character, and whether a backslash has taken its meaning away.
    private struct Unit {
        let character: Character
        let isPlain: Bool

        func means(_ wanted: Character) -> Bool { !isPlain && character == wanted }
    }

    private let target: String
    private let units: [Unit]

    init(_ target: String) {
        self.target = target
        var units: [Unit] = []
        var rest = target[...]
        while let character = rest.popFirst() {
            if character == "\\", let next = rest.first, #"+,[]\"#.contains(next) {
                rest.removeFirst()
                units.append(Unit(character: next, isPlain: true))
            } else {
                units.append(Unit(character: character, isPlain: false))
            }
        }
        self.units = units
    }

    mutating func hops() throws(MitogenError) -> [ConnectionTarget.Hop] {
        if units.contains(where: { $0.means(",") }) {
            throw failure("has a ',', and so stands for several targets", hint: "a ',' in a name is written '\\,'")
        }
        var hops: [ConnectionTarget.Hop] = []
        // By hand, as typed errors do not pass through `map`.
        for part in units.split(omittingEmptySubsequences: false, whereSeparator: { $0.means("+") }) {
            hops.append(try hop(part))
        }
        return hops
    }

    private func hop(_ part: ArraySlice<Unit>) throws(MitogenError) -> ConnectionTarget.Hop {
        let word = text(part.prefix { $0.character != ":" })
        let argument = part.drop { $0.character != ":" }
        guard let kind = ConnectionTarget.Kind(rawValue: word) else {
            throw failure(
                word.isEmpty ? "has an empty hop" : "has no kind of hop named \(word.debugDescription)",
                hint: "a hop is one of \(ConnectionTarget.Kind.allCases.map(\.rawValue).joined(separator: ", "))"
            )
        }
        var hop = ConnectionTarget.Hop(kind)
        guard !argument.isEmpty else {
            guard [.local, .sudo, .su, .doas].contains(kind) else { throw failure("needs a name after '\(word):'") }
            return hop
        }
        let units = argument.dropFirst()
        let name = text(units)
        try check(name, in: word)
        switch kind {
        case .local: hop.name = name
        case .sudo, .su, .doas: hop.username = name
        case .ssh: try parseHost(units, into: &hop)
        case .kubectl: try parsePod(name, into: &hop)
        case .docker, .podman, .buildah, .jail: try parseAccount(name, into: &hop, hasGroup: false)
        case .setnsDocker, .setnsPodman, .setnsLXC, .setnsLXD, .setnsIncus, .setnsMachinectl:
            try parseAccount(name, into: &hop, hasGroup: true)
        case .dockerImage, .lxc, .lxd, .incus: hop.name = name
        }
        return hop
    }

    private func parseHost(_ units: ArraySlice<Unit>, into hop: inout ConnectionTarget.Hop) throws(MitogenError) {
        let at = units.lastIndex { $0.character == "@" }
        if let at {
            hop.username = text(units[..<at])
            try check(hop.username ?? "", in: "ssh")
        }
        let rest = at.map { units[($0 + 1)...] } ?? units
        var port: ArraySlice<Unit>
        if rest.first?.means("[") == true, let end = rest.firstIndex(where: { $0.means("]") }) {
            hop.name = text(rest[(rest.startIndex + 1)..<end])
            port = rest[(end + 1)...]
            guard hop.name?.contains(":") == true else {
                throw failure("has a range in brackets, and so stands for several targets")
            }
        } else {
            if rest.contains(where: { $0.means("[") || $0.means("]") }) {
                throw failure("has a range in brackets, and so stands for several targets")
            }
            if rest.count(where: { $0.character == ":" }) > 1 {
                throw failure("needs brackets around an IPv6 address, as in ssh:[fe80::1]:22")
            }
            hop.name = text(rest.prefix { $0.character != ":" })
            port = rest.drop { $0.character != ":" }
        }
        try check(hop.name ?? "", in: "ssh")
        guard let colon = port.popFirst() else { return }
        guard colon.character == ":", let number = Int(text(port)), 1...65_535 ~= number else {
            throw failure("needs a port between 1 and 65535 after the host")
        }
        hop.port = number
    }

    private func parseAccount(
        _ text: String,
        into hop: inout ConnectionTarget.Hop,
        hasGroup: Bool
    ) throws(MitogenError) {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false).map(String.init)
        guard parts.count <= 2 else { throw failure("may have only one '@' in \(hop.kind.rawValue):\(text)") }
        hop.name = parts.last
        try check(hop.name ?? "", in: hop.kind.rawValue)
        guard parts.count == 2 else { return }
        let account = parts[0].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        for name in hasGroup ? account : [parts[0]] { try check(name, in: hop.kind.rawValue) }
        hop.username = hasGroup ? account[0] : parts[0]
        hop.group = hasGroup && account.count == 2 ? account[1] : nil
    }

    private func parsePod(_ text: String, into hop: inout ConnectionTarget.Hop) throws(MitogenError) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count <= 3 else { throw failure("may have two '/' at most in kubectl:\(text)") }
        guard parts.count != 2 || !parts[0].isEmpty else {
            throw failure("needs a namespace before '/', or a container after the pod, in kubectl:\(text)")
        }
        // `/POD/CONTAINER` is one in the current namespace.
        for name in parts.count == 3 && parts[0].isEmpty ? parts[1...] : parts[...] { try check(name, in: "kubectl") }
        hop.namespace = parts.count > 1 && !parts[0].isEmpty ? parts[0] : nil
        hop.name = parts.count > 1 ? parts[1] : parts[0]
        hop.container = parts.count > 2 ? parts[2] : nil
    }

    // MARK: Parts

    private func text(_ units: ArraySlice<Unit>) -> String { String(units.map(\.character)) }

    /// A name that would be an option to the tool that gets it, or disturb whatever shows it, is refused.
    private func check(_ name: String, in hop: String) throws(MitogenError) {
        if name.isEmpty { throw failure("has an empty name in '\(hop)'") }
        if name.hasPrefix("-") { throw failure("has a name in '\(hop)' that begins with '-'") }
        guard
            !name.unicodeScalars.contains(where: {
                $0.properties.isWhitespace || $0.properties.generalCategory == .control
            })
        else { throw failure("has spaces or control characters in a name of '\(hop)'") }
    }

    private func failure(_ problem: String, hint: String? = nil) -> MitogenError {
        MitogenError(.misuse, "the target \(target.debugDescription) \(problem)", hint: hint)
    }
}
