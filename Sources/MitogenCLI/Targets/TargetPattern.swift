//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// A target as it is written, which stands for many where hosts of ssh have ranges: `ssh:web[1-20]+sudo`.
package struct TargetPattern: Hashable, Sendable {
    /// The target as it is written.
    package let text: String

    private let hops: [HopPattern]

    /// Parses what is between two commas of `--target`.
    ///
    /// - Parameters:
    ///   - text: The target.
    ///   - kinds: The kinds of hops that may be used.
    /// - Throws: ``TargetSyntaxError`` with a message for the person who typed the target.
    package init(parsing text: String, kinds: [HopKind] = HopKind.known) throws(TargetSyntaxError) {
        try self.init(parsing: text, meaning: text, kinds: kinds)
    }

    private init(parsing text: String, meaning full: String, kinds: [HopKind]) throws(TargetSyntaxError) {
        guard !text.isEmpty else { throw .emptyTarget(known: kinds.map(\.usage)) }
        var hops: [HopPattern] = []
        for part in TargetEscape.split(full[...], at: { $0 == UInt8(ascii: "+") }) {
            guard !part.isEmpty else { throw .emptyHop(target: text, position: hops.count + 1) }
            hops.append(try HopPattern(parsing: part, in: text, kinds: kinds))
        }
        self.text = text
        self.hops = hops
    }

    /// How many targets it stands for, found without making one; `Int.max` if they are more than that.
    package var count: Int {
        self.hops.reduce(1) { $0.saturatingProduct($1.count) }
    }

    /// Whether the text has ranges, be it that they stand for one target.
    package var hasRanges: Bool { self.hops.contains(where: \.hasRanges) }

    /// The targets, in the order in which they are written; the last hop changes fastest.
    ///
    /// - Parameter limit: How many may be made.
    /// - Throws: ``TargetSyntaxError/tooManyTargets(target:count:limit:)``, before any is made.
    package func targets(limit: Int) throws(TargetSyntaxError) -> [TargetSpecification] {
        guard self.count <= limit else {
            throw .tooManyTargets(target: self.text, count: self.count, limit: limit)
        }
        let chains = self.hops.reduce([[]]) { (chains: [[Hop]], pattern) in
            let hops = pattern.hops
            return chains.flatMap { chain in hops.map { chain + [$0] } }
        }
        return chains.map { TargetSpecification(hops: $0) }
    }
}

// MARK: Plain hosts

extension TargetPattern {
    /// Parses what stands in a file of hosts or behind `--exclude`: a target, or one that begins with a plain host.
    ///
    /// What begins with the name of a kind of hop is a target: a host of such a name is written `ssh:sudo`.
    package init(
        parsingTargetOrHost text: String,
        kinds: [HopKind] = HopKind.known
    ) throws(TargetSyntaxError) {
        let isHost = Self.beginsWithHost(text, kinds: kinds)
        try self.init(parsing: text, meaning: isHost ? "\(HopKind.ssh.name):\(text)" : text, kinds: kinds)
    }

    /// Whether a text begins with a plain host, such as `web1` or `deploy@web1:2222`.
    static func beginsWithHost(_ text: String, kinds: [HopKind] = HopKind.known) -> Bool {
        let first = TargetEscape.split(text[...]) { $0 == UInt8(ascii: "+") }[0]
        let name = first.prefix { $0 != ":" }
        if first.isEmpty || kinds.contains(where: { $0.name == name }) { return false }
        // What has something else than a port behind a colon is rather the name of a hop that does not exist.
        let host = SSHDestination.hostRange(in: first)
        let isPort = first[host.upperBound...].utf8.dropFirst().allSatisfy {
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: ":")
        }
        return isPort || name.contains("@") || SSHDestination.isBareAddress(first)
    }
}
