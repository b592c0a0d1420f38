//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenProtocol
internal import MitogenServices
internal import Synchronization

/// The service of the process that holds connections, for the commands that attach themselves to it.
final class HoldService: Service {
    static let name = "mitogen.hold"
    static let methods: [any ServiceMethod.Type] = [
        HoldFind.self, HoldConnect.self, HoldList.self, HoldEnd.self,
    ]

    private struct State {
        var table = HoldTable()
        /// The connections that were made or are being made.
        var contexts: [String: OneShot<Context>] = [:]
        var timer: Timer?
        var isEnding = false
        /// Until then it waits for the command that has started it.
        var graceEnd: Int64 = 0
    }

    /// How long the process lives without anything to hold, for the command that has started it.
    private static let grace = Duration.seconds(20)

    private let router: Router
    private let state = Mutex(State())
    /// Resolved when nothing is held any more.
    let end = OneShot<Void>()

    init(router: Router) {
        self.router = router
    }

    /// Begins to count the time in which nothing is held.
    func start() {
        let end = monotonicNanoseconds() + Self.grace.nanoseconds
        self.state.withLock { $0.graceEnd = end }
        self.schedule(at: end)
    }

    // MARK: What commands ask for

    /// The connections with these keys, which the caller uses from now on.
    func find(_ keys: [String], for user: ContextID) -> [HeldConnection] {
        let now = monotonicNanoseconds()
        return self.state.withLock { state in
            self.use(keys, by: user, at: now, &state)
            return keys.compactMap { Self.description(of: $0, state, at: now, self.router) }
        }
    }

    /// One that has gone meanwhile uses nothing: nobody would say again that it has gone.
    private func use(_ keys: [String], by user: ContextID, at now: Int64, _ state: inout State) {
        guard self.router.context(id: user, creates: false)?.isReachable == true else { return }
        state.table.use(keys, by: user, at: now)
    }

    var list: [HeldConnection] {
        let now = monotonicNanoseconds()
        return self.state.withLock { state in
            state.table.nodes.keys.compactMap { Self.description(of: $0, state, at: now, self.router) }
        }
    }

    /// Makes the hops of a target that are not there, or not any more.
    ///
    /// - Parameters:
    ///   - limit: How long it is held without use, in nanoseconds; nil for ever.
    ///   - adds: Whether it is held from now on; else it is only made if it is held already.
    func connect(
        _ path: [HeldHop],
        limit: Int64?,
        adds: Bool,
        for user: ContextID
    ) async -> (connections: [HeldConnection], failure: MitogenError?) {
        let keys = path.map(\.key)
        let start = monotonicNanoseconds()
        self.state.withLock { $0.table.begin(path.map { ($0.key, $0.text) }, at: start) }
        defer {
            self.state.withLock { $0.table.end(keys) }
            self.collect()
        }
        var failure: MitogenError?
        do throws(MitogenError) {
            var via: Context?
            for hop in path { via = try await self.context(of: hop, via: via) }
        } catch {
            failure = error
        }
        let now = monotonicNanoseconds()
        let isComplete = failure == nil
        let connections = self.state.withLock { state in
            if adds { state.graceEnd = 0 }
            if isComplete, adds, let target = keys.last { state.table.hold(target, for: limit, at: now) }
            if !adds { self.use(keys, by: user, at: now, &state) }
            return keys.compactMap { Self.description(of: $0, state, at: now, self.router) }
        }
        return (connections, failure)
    }

    /// Closes everything.
    func endAll() {
        let timer = self.state.withLock { state in
            state.isEnding = true
            return state.timer.take()
        }
        // A timer that waits would keep the Broker.
        timer?.cancel()
        self.end.resolve(.success(()))
    }

    // MARK: Connections

    private func context(of hop: HeldHop, via: Context?) async throws(MitogenError) -> Context {
        while true {
            let (shared, isFirst, isRenewal) = self.state.withLock { state in
                let known = state.contexts[hop.key]
                if let known, Self.isUsable(known) { return (known, false, false) }
                let new = OneShot<Context>()
                state.contexts[hop.key] = new
                return (new, true, known.map { if case .success = $0.outcome { true } else { false } } ?? false)
            }
            if isFirst { return try await self.make(hop, via: via, shared, isRenewal: isRenewal) }
            do throws(MitogenError) {
                return try await shared.value()
            } catch {
                // Whoever made it was interrupted, which is no reason for this one.
                guard error.code == .cancelled || error.code == .connectionCancelled, !Task.isCancelled else {
                    throw error
                }
            }
        }
    }

    /// Whether a connection is there, or will be.
    private static func isUsable(_ shared: OneShot<Context>) -> Bool {
        switch shared.outcome {
        case nil: true
        case .success(let context): context.isReachable
        case .failure: false
        }
    }

    private func make(
        _ hop: HeldHop,
        via: Context?,
        _ shared: OneShot<Context>,
        isRenewal: Bool
    ) async throws(MitogenError) -> Context {
        do throws(MitogenError) {
            let context = try await self.router.connect(hop.request, from: via)
            if isRenewal { self.state.withLock { $0.table.renew(hop.key) } }
            shared.resolve(.success(context))
            return context
        } catch {
            shared.resolve(.failure(error))
            throw error
        }
    }

    private static func description(
        of key: String,
        _ state: borrowing State,
        at now: Int64,
        _ router: Router
    ) -> HeldConnection? {
        guard let node = state.table.nodes[key] else { return nil }
        var held = HeldConnection(text: node.text, key: key)
        held.isTarget = node.isTarget
        held.heldSeconds = Double(now - node.since) / 1e9
        held.idleSeconds = node.users.isEmpty ? Double(now - node.lastUse) / 1e9 : 0
        held.idleLimit = node.idleLimit.map { Double($0) / 1e9 }
        held.userCount = node.users.count
        held.renewals = node.renewals
        held.loss = node.loss
        if case .success(let context)? = state.contexts[key]?.outcome, context.isReachable {
            held.context = router.description(of: context)
            held.report = context.connection
        }
        return held
    }

    // MARK: Time

    /// A context is gone: a program that was attached, or something that is held.
    func note(_ context: Context, isGone reason: String) {
        self.state.withLock { state in
            state.table.leave(context.id, at: monotonicNanoseconds())
            for (key, shared) in state.contexts {
                if case .success(let held)? = shared.outcome, held.id == context.id {
                    state.table.lose(key, reason: reason)
                }
            }
        }
        self.collect()
    }

    /// Closes what is not needed any more, and sees to it that this happens again in time.
    private func collect() {
        let now = monotonicNanoseconds()
        let (closed, next, isOver) = self.state.withLock { state in
            let keys = state.table.collect(at: now)
            let contexts = keys.compactMap { key in
                if case .success(let context)? = state.contexts.removeValue(forKey: key)?.outcome {
                    context
                } else {
                    nil
                }
            }
            let isOver = state.table.isEmpty && now >= state.graceEnd
            // Under the same lock, so that nothing begins between.
            if isOver { state.isEnding = true }
            return (contexts, state.table.nextExpiry, isOver)
        }
        for context in closed { try? context.send(Message(handle: StandardHandle.shutdown)) }
        if isOver { return self.endAll() }
        if let next { self.schedule(at: next) }
    }

    private func schedule(at time: Int64) {
        let delay = Duration.nanoseconds(max(0, time - monotonicNanoseconds()))
        let timer = self.router.broker.schedule(after: delay) { [weak self] in self?.collect() }
        let old = self.state.withLock { state -> Timer? in
            // What is closed at the end is not looked after any more.
            if state.isEnding { return timer }
            defer { state.timer = timer }
            return state.timer
        }
        old?.cancel()
    }
}

/// What of some keys is held.
struct HoldFind: ServiceMethod {
    typealias Host = HoldService

    let keys: [String]

    func run(in service: HoldService, for request: ServiceRequest) async throws -> [HeldConnection] {
        service.find(self.keys, for: request.header.srcID)
    }
}

/// Makes a target's connections.
struct HoldConnect: ServiceMethod {
    typealias Host = HoldService

    struct Output: Codable, Sendable {
        /// What is held now of the target's hops.
        let connections: [HeldConnection]
        let failure: ConnectionFailure?
        /// How many hops are connected.
        var count: Int { self.connections.prefix { $0.context != nil }.count }
    }

    let path: [HeldHop]
    /// How long it is held without use, in seconds; nil for ever.
    var idleLimit: Double?
    /// Whether it is held from now on.
    let adds: Bool

    func run(in service: HoldService, for request: ServiceRequest) async throws -> Output {
        let limit = self.idleLimit.flatMap { Duration(checkedSeconds: $0) }
        let result = await service.connect(
            self.path,
            limit: limit?.nanoseconds,
            adds: self.adds,
            for: request.header.srcID
        )
        return Output(connections: result.connections, failure: result.failure.map { ConnectionFailure($0) })
    }

    /// How often the process that makes the connections is asked whether it still answers.
    private static let pollInterval = Duration.seconds(1)

    /// Has the connections made.
    ///
    /// How long that takes is the hops' matter, each of which has its time limit; there may be many before this one.
    /// But a process that stands still meanwhile is given up.
    ///
    /// - Parameters:
    ///   - holder: The process that holds connections.
    ///   - limit: For how long it may answer nothing at all.
    /// - Throws: ``MitogenError``: `.timeoutError` if it does not answer; `.channelError` if it has ended; `.cancelled`.
    func send(to holder: Context, silence limit: Duration) async throws(MitogenError) -> Output {
        let call = try holder.startServiceCall(self)
        do throws(MitogenError) {
            while true {
                if let output = try await Self.result(of: call) { return output }
                try await Self.check(holder, limit)
            }
        } catch {
            call.cancel()
            throw error
        }
    }

    /// Nil if there is none yet.
    private static func result(of call: PendingCall<Output>) async throws(MitogenError) -> Output? {
        do throws(MitogenError) {
            return try await call.get(timeout: self.pollInterval)
        } catch {
            guard error.code == .timeoutError else { throw error }
            return nil
        }
    }

    private static func check(_ holder: Context, _ limit: Duration) async throws(MitogenError) {
        do throws(MitogenError) {
            _ = try await holder.callService(HoldFind(keys: []), timeout: limit)
        } catch {
            guard error.code == .timeoutError else { throw error }
            throw MitogenError(
                .timeoutError,
                "the process that holds connections has not answered within \(limit)",
                hint: "with --no-hold the command makes a connection of its own; 'mitogen hold --end' ends that process"
            )
        }
    }
}

/// Everything that is held.
struct HoldList: ServiceMethod {
    typealias Host = HoldService

    func run(in service: HoldService, for request: ServiceRequest) async throws -> [HeldConnection] { service.list }
}

/// Ends the process that holds connections.
struct HoldEnd: ServiceMethod {
    typealias Host = HoldService

    func run(in service: HoldService, for request: ServiceRequest) async throws { service.endAll() }
}
