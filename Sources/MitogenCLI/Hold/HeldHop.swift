//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenProtocol

/// A hop on the way to a target, as a command names it to the process that holds connections.
struct HeldHop: Codable, Sendable {
    /// The target up to this hop.
    let text: String
    /// Equal for hops that are connected in the same way behind hops that are.
    let key: String
    /// How it is connected, with the passwords that this command has been given.
    let request: ConnectionRequest

    /// The hops of a target.
    ///
    /// Passwords do not count: they say how somebody is let in, not where.
    ///
    /// - Throws: ``MitogenError`` with `.misuse` for options that make no sense.
    static func path(_ hops: [Hop], _ settings: HopSettings) throws(MitogenError) -> [HeldHop] {
        let open = settings.withoutSecrets
        var path: [HeldHop] = []
        for (index, hop) in hops.enumerated() {
            let before = hops[..<index]
            var bytes = try open.request(for: hop, behind: before).canonicalBytes()
            if before.allSatisfy({ [HopKind.local.name, HopKind.fork.name].contains($0.kind) }) {
                bytes += Self.tools(of: hop, settings)
            }
            let previous = path.last
            path.append(
                HeldHop(
                    text: (previous.map { "\($0.text)+" } ?? "") + hop.canonicalText,
                    key: Digest.text(of: Array((previous?.key ?? "").utf8) + bytes),
                    request: try settings.request(for: hop, behind: before)
                )
            )
        }
        return path
    }

    /// The paths of the programs that a hop of the table is made by here, which a search in `PATH` decides.
    private static func tools(of hop: Hop, _ settings: HopSettings) -> [UInt8] {
        guard let definition = settings.table[hop.kind] else { return [] }
        let names = [definition.command, definition.copy].compactMap { $0.first?.plain }
        return names.flatMap { Array((ProgramSearch.own.path(of: $0) ?? "").utf8) + [0] }
    }
}

/// What the process that holds connections tells about one of them.
struct HeldConnection: Codable, Sendable {
    let text: String
    let key: String
    /// Whether it was asked for, and not only a hop on the way to what was.
    var isTarget = false
    /// The context; nil while the connection is lost.
    var context: AttachedContext?
    var report: ConnectionReport?
    /// For how many seconds it has been held.
    var heldSeconds = 0.0
    /// For how many seconds no command has used it.
    var idleSeconds = 0.0
    /// After how many seconds without use it is closed; nil for never.
    var idleLimit: Double?
    /// How many commands use it now.
    var userCount = 0
    /// How often it was made anew.
    var renewals = 0
    /// Why it was lost the last time, if it ever was.
    var loss: String?
}
