//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Glibc
internal import Mitogen
internal import MitogenServices
internal import Synchronization

/// The way of every command to its targets: what `mitogen hold` holds is used, and the rest is made by the command itself
/// and ends with it.
final class TargetConnections: Sendable {
    private struct State {
        /// This process's own tree, which is made when it is needed.
        var router: Router?
        var attachment: AttachedTree?
        var held: [String: HeldConnection] = [:]
        var contexts: [String: Context] = [:]
        /// The hops of each path, as they are asked for.
        var paths: [[Hop]: [HeldHop]] = [:]
        var isClosed = false
    }

    /// How long the process that holds connections may take to answer.
    private static let patience = Duration.seconds(2)

    private let settings: HopSettings
    private let image: String
    private let state = Mutex(State())

    private init(_ settings: HopSettings, image: String) {
        self.settings = settings
        self.image = image
    }

    /// Does something with targets.
    ///
    /// - Parameters:
    ///   - targets: All that will be asked for.
    ///   - settings: How hops are connected.
    ///   - image: The path of the program that is started as contexts.
    ///   - usesHeld: Whether connections that are held are used.
    ///   - note: Called with what is to be said if they cannot be; tells it on standard error by default.
    ///   - body: What to do.
    static func with<Result>(
        _ targets: [TargetSpecification],
        _ settings: HopSettings,
        image: String,
        usesHeld: Bool,
        note: (String) async -> Void = { complain($0) },
        _ body: (TargetConnections) async throws -> Result
    ) async throws -> Result {
        let connections = TargetConnections(settings, image: image)
        do {
            if usesHeld, let problem = await connections.find(targets) {
                await note("connections that are held cannot be used: \(problem.message)")
            }
            let result = try await body(connections)
            await connections.close()
            return result
        } catch {
            await connections.close()
            throw error
        }
    }

    // MARK: Hops

    /// Makes a hop, or takes the one that is held.
    ///
    /// - Parameters:
    ///   - path: The hops before it.
    ///   - via: Where the hop starts; nil for this process.
    func connect(_ hop: Hop, behind path: [Hop], via: Context?) async throws(MitogenError) -> Context {
        if let context = try await self.heldContext(at: path + [hop]) { return context }
        if let via, let router = via.router {
            return try await router.connect(hop, behind: path, via: via, self.settings)
        }
        return try await self.ownRouter().connect(hop, behind: path, via: via, self.settings)
    }

    /// The connection to the last of some hops, if it is held.
    func held(_ hops: [Hop]) -> HeldConnection? {
        self.state.withLock { state in state.paths[hops]?.last.flatMap { state.held[$0.key] } }
    }

    /// The process that holds connections, if this one is attached to it.
    var holder: Int32? { self.state.withLock { $0.attachment?.processID } }

    /// The folder that a command starts in where none is asked for. What was started from here would have this process's,
    /// but what is held has been started elsewhere.
    func startingFolder(of target: TargetSpecification) -> ByteString? {
        guard target.hops.allSatisfy(\.staysHere),
            target.hops.indices.contains(where: { self.held(Array(target.hops[...$0])) != nil })
        else { return nil }
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        guard getcwd(&buffer, buffer.count) != nil else { return nil }
        return ByteString(bytes: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)))
    }

    /// The tree of this process.
    func ownRouter() throws(MitogenError) -> Router {
        try self.state.withLock { state throws(MitogenError) in
            if let router = state.router { return router }
            guard !state.isClosed else { throw MitogenError(.misuse, "the command has ended") }
            var configuration = RouterConfiguration.ofTool
            configuration.image = .file(self.image)
            let router = try Router(configuration: configuration)
            state.router = router
            return router
        }
    }

    // MARK: What is held

    /// Asks what is held of the targets.
    ///
    /// - Returns: Why what is held cannot be used, if it cannot.
    private func find(_ targets: [TargetSpecification]) async -> MitogenError? {
        // A process of this machine and this user needs no connection.
        let targets = targets.filter(\.canBeHeld)
        guard !targets.isEmpty else { return nil }
        do throws(MitogenError) {
            guard let attachment = try await HoldSocket(image: self.image).attach(timeout: Self.patience) else {
                return nil
            }
            self.state.withLock { $0.attachment = attachment }
            let keys = self.learnPaths(of: targets)
            self.take(
                try await attachment.listener.callService(HoldFind(keys: keys), timeout: Self.patience),
                attachment
            )
            return nil
        } catch {
            return error
        }
    }

    /// - Returns: The keys of all hops.
    private func learnPaths(of targets: [TargetSpecification]) -> [String] {
        var paths: [[Hop]: [HeldHop]] = [:]
        var keys: Set<String> = []
        for target in targets {
            // What makes no sense fails when it is connected, and says why.
            guard let path = try? HeldHop.path(target.hops, self.settings) else { continue }
            for count in 1...path.count { paths[Array(target.hops[..<count])] = Array(path[..<count]) }
            keys.formUnion(path.map(\.key))
        }
        self.state.withLock { $0.paths = paths }
        return Array(keys)
    }

    private func take(_ connections: [HeldConnection], _ attachment: AttachedTree) {
        self.state.withLock { state in
            for connection in connections {
                state.held[connection.key] = connection
                state.contexts[connection.key] = connection.context.map { attachment.router.learn($0) }
            }
        }
    }

    private func heldContext(at hops: [Hop]) async throws(MitogenError) -> Context? {
        let (path, context, attachment) = self.state.withLock { state -> ([HeldHop], Context?, AttachedTree?) in
            guard let path = state.paths[hops], let key = path.last?.key, state.held[key] != nil else {
                return ([], nil, nil)
            }
            return (path, state.contexts[key], state.attachment)
        }
        if let context, context.isReachable { return context }
        guard let attachment, !path.isEmpty else { return nil }
        return try await self.renew(path, attachment)
    }

    /// Has a connection made anew that is held, and was lost.
    private func renew(_ path: [HeldHop], _ attachment: AttachedTree) async throws(MitogenError) -> Context? {
        let limit = self.settings.connectTimeout
        let answer = try await HoldConnect(path: path, adds: false).send(to: attachment.listener, silence: limit)
        self.take(answer.connections, attachment)
        if let failure = answer.failure?.error { throw failure.afterLoss }
        return self.state.withLock { state in path.last.flatMap { state.contexts[$0.key] } }
    }

    private func close() async {
        let (router, attachment) = self.state.withLock { state in
            state.isClosed = true
            return (state.router, state.attachment)
        }
        router?.shutdown()
        attachment?.router.shutdown()
        await router?.join()
        await attachment?.router.join()
    }
}

extension TargetSpecification {
    /// Whether there is something to hold: another process of this user is started in no time.
    var canBeHeld: Bool { self.hops.contains { ![HopKind.local.name, HopKind.fork.name].contains($0.kind) } }
}

extension MitogenError {
    /// The same error with the reason why it comes up at all, where a connection is made anew that was held.
    fileprivate var afterLoss: MitogenError {
        let what = "the connection that was held was lost, and is made anew; passwords are not kept"
        return MitogenError(
            self.code,
            self.message,
            context: self.context,
            diagnostics: self.diagnostics,
            hint: [what, self.toolHint].compactMap { $0 }.joined(separator: "; "),
            connection: self.connection
        )
    }
}
