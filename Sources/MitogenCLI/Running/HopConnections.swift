//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import Synchronization

/// Why a target could not be reached.
struct HopFailure: Error {
    let hop: Hop
    let error: MitogenError
    /// Whether the hop begins on this machine.
    let isFirst: Bool
}

/// The connections of a run: each hop is made once, by the first target that needs it.
///
/// Whoever makes a hop waits for nothing but the hops before it, which are made already. So targets never wait for each
/// other in a circle, however few of them are worked on at a time.
final class HopConnections: Sendable {
    /// Makes a hop that begins in a context, or in this process, behind others.
    typealias Connect = @Sendable (Hop, _ path: [Hop], Context?) async throws(MitogenError) -> Context

    private struct State {
        /// The hops that were made or are being made.
        var contexts: [Int: OneShot<Context>] = [:]
        /// How many targets still need each hop.
        var users: [Int]
    }

    /// How long a connection may take to close; its router ends what is left in the end.
    private static let closingTime = Duration.seconds(5)

    private let tree: TargetTree
    private let closesUnused: Bool
    private let keeps: @Sendable ([Hop]) -> Bool
    private let connect: Connect
    private let state: Mutex<State>

    /// - Parameters:
    ///   - tree: The hops of all targets.
    ///   - closesUnused: Whether a connection is closed when the last target that needs it is done. Otherwise all stay
    ///     until the router ends them.
    ///   - keeps: Whether the last of some hops stays open in any case, as somebody else holds it.
    ///   - connect: Makes a hop.
    init(
        _ tree: TargetTree,
        closesUnused: Bool,
        keeps: @escaping @Sendable ([Hop]) -> Bool,
        _ connect: @escaping Connect
    ) {
        self.tree = tree
        self.closesUnused = closesUnused
        self.keeps = keeps
        self.connect = connect
        self.state = Mutex(State(users: tree.nodes.map(\.targetCount)))
    }

    /// Makes hops the way that all commands do; what is held stays open.
    convenience init(_ tree: TargetTree, closesUnused: Bool, through targets: TargetConnections) {
        self.init(
            tree,
            closesUnused: closesUnused,
            keeps: { targets.held($0) != nil }
        ) { (hop, path, context) async throws(MitogenError) in
            try await targets.connect(hop, behind: path, via: context)
        }
    }

    /// Reaches a target.
    ///
    /// - Throws: ``HopFailure`` with the first hop that failed.
    func context(for target: Int) async throws(HopFailure) -> Context? {
        var context: Context?
        for node in self.tree.path(to: target) {
            do throws(MitogenError) {
                context = try await self.context(at: node, via: context)
            } catch {
                let hop = self.tree.nodes[node]
                throw HopFailure(hop: hop.hop, error: error, isFirst: hop.parent == nil)
            }
        }
        return context
    }

    /// The hop of a target whose connection is lost: the first one that cannot be reached any more.
    func lostHop(of target: Int) -> Hop? {
        let path = self.tree.path(to: target)
        let lost = path.first { node in
            guard case .success(let context) = self.state.withLock({ $0.contexts[node]?.outcome }) else { return false }
            return !context.isReachable
        }
        return (lost ?? path.last).map { self.tree.nodes[$0].hop }
    }

    private func context(at node: Int, via: Context?) async throws(MitogenError) -> Context {
        let (shared, isFirst) = self.state.withLock { state in
            if let known = state.contexts[node] { return (known, false) }
            let new = OneShot<Context>()
            state.contexts[node] = new
            return (new, true)
        }
        // The run is cancelled as a whole, and with it whoever makes the connection; so its end is worth waiting for.
        guard isFirst else { return try await shared.wait().get() }
        do throws(MitogenError) {
            let context = try await self.connect(self.tree.nodes[node].hop, self.tree.hops(before: node), via)
            shared.resolve(.success(context))
            return context
        } catch {
            shared.resolve(.failure(error))
            throw error
        }
    }

    /// Forgets the hops that could not be made, so that the next target that needs one tries again. To be called while no
    /// hop is being made.
    func forgetFailures() {
        self.state.withLock { state in
            for (node, context) in state.contexts {
                if case .failure = context.outcome { state.contexts[node] = nil }
            }
        }
    }

    /// A target is done; what no other needs is closed.
    func leave(_ target: Int) async {
        guard self.closesUnused else { return }
        let path = self.tree.path(to: target)
        let kept = Set(path.filter { self.keeps(self.tree.hops(before: $0) + [self.tree.nodes[$0].hop]) })
        let unused = self.state.withLock { state -> OneShot<Context>? in
            for node in path { state.users[node] -= 1 }
            // The first of them takes those behind it along.
            return path.first { state.users[$0] == 0 && !kept.contains($0) }.flatMap { state.contexts[$0] }
        }
        guard case .success(let context) = unused?.outcome else { return }
        try? await context.shutdown(waits: true, timeout: Self.closingTime)
    }
}
