//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen
internal import MitogenPickle
internal import MitogenProtocol
internal import Synchronization

/// Answers the requests for the services of a context, so many at a time.
///
/// Requests beyond that wait in the order in which they came. What a method does, or fails to do, never disables the
/// pool.
public final class ServicePool: Sendable {
    struct Entry {
        let service: any Service
        let methods: [String: any ServiceMethod.Type]
        /// Where requests run once for all that are equal.
        let results: SharedResults?
    }

    struct State {
        var services: [String: Entry] = [:]
        /// The queues of the serial services, of those too that are not made yet: each lets one request on at a time.
        var queues: [String: Gate] = [:]
        /// Lets one request on to make a service.
        var activations: [String: Gate] = [:]
        /// How many requests wait or run.
        var requests = 0
        /// Set when the pool has ended; resolved when no request is left.
        var isQuiet: OneShot<Void>?
    }

    let router: Router
    let places: Gate
    let state = Mutex(State())
    private let lastArrival = Mutex<OneShot<Void>?>(nil)

    private init(_ router: Router, size: Int) throws(MitogenError) {
        self.router = router
        places = Gate(places: size)
        _ = try router.serve(
            at: StandardHandle.callService,
            describedAs: Self.name(of:),
            prepare: { [weak self] in self?.arrive() ?? Arrival(previous: nil) }
        ) { [weak self] request, arrival in
            defer { arrival.isQueued.resolve(.success(())) }
            // Even if this request has been given up: those after it are not to overtake those before it.
            _ = await arrival.previous?.wait()
            guard let self else { throw Self.ended }
            return try await answer(request, arrival)
        }
    }

    private static func name(of request: Message) -> String {
        (try? ServiceCall(decoding: request.data))?.name ?? "a malformed request"
    }

    static var ended: MitogenError { MitogenError(.channelError, "the pool has ended") }

    // MARK: Pools

    private static let pools = Mutex<[ObjectIdentifier: ServicePool]>([:])

    static func of(_ router: Router, size: Int) throws(MitogenError) -> ServicePool {
        let key = ObjectIdentifier(router)
        // Under the lock, so that there is one pool only: its handle can be taken once.
        let (pool, isNew) = try pools.withLock { pools throws(MitogenError) in
            if let pool = pools[key] { return (pool, false) }
            let pool = try ServicePool(router, size: size)
            pools[key] = pool
            return (pool, true)
        }
        if isNew {
            router.broker.onShutdown { pool.close() }
            router.broker.onExit {
                _ = pools.withLock { $0.removeValue(forKey: key) }
                // For a pool that was made while the Broker was ending.
                pool.close()
            }
        }
        return pool
    }

    /// Adds a service.
    ///
    /// - Throws: ``MitogenError`` with `.misuse` if there is one with this name, two of its methods have the same name, or
    ///   the pool has ended.
    public func add<Added: Service>(_ service: Added) throws(MitogenError) {
        var methods: [String: any ServiceMethod.Type] = [:]
        for method in Added.methods where methods.updateValue(method, forKey: method.name) != nil {
            throw MitogenError(.misuse, "service '\(Added.name)' has two methods named '\(method.name)'")
        }
        let results = Added.ordering == .deduplicating ? SharedResults() : nil
        let entry = Entry(service: service, methods: methods, results: results)
        let problem = state.withLock { state -> String? in
            if state.isQuiet != nil { return Self.ended.message }
            if state.services[Added.name] != nil { return "service named '\(Added.name)' already registered" }
            state.services[Added.name] = entry
            return nil
        }
        if let problem { throw MitogenError(.misuse, problem) }
    }

    /// The service of this type, which is made if there is none.
    ///
    /// - Throws: ``MitogenError`` with `.misuse` if another service has its name, or the pool has ended.
    func service<Wanted: Service>(_ make: () -> Wanted) throws(MitogenError) -> Wanted {
        if let known = state.withLock({ $0.services[Wanted.name]?.service }) as? Wanted { return known }
        let new = make()
        do throws(MitogenError) {
            try add(new)
            return new
        } catch {
            // Somebody else may have added one meanwhile.
            if let known = state.withLock({ $0.services[Wanted.name]?.service }) as? Wanted { return known }
            throw error
        }
    }

    // MARK: The end

    /// Lets the services end, once, and the Broker wait for that.
    private func close() {
        let (services, isQuiet) = state.withLock { state -> ([any Service], OneShot<Void>) in
            if let isQuiet = state.isQuiet { return ([], isQuiet) }
            let isQuiet = OneShot<Void>()
            state.isQuiet = isQuiet
            if state.requests == 0 { isQuiet.resolve(.success(())) }
            defer { state.services = [:] }
            return (state.services.values.map(\.service), isQuiet)
        }
        guard !services.isEmpty else { return }
        let broker = router.broker
        // A timer keeps the Broker, up to its limit. What has not ended by half of that is not waited for.
        let patience = broker.schedule(after: broker.shutdownTimeout / 2) { isQuiet.resolve(.success(())) }
        let keepAlive = broker.schedule(after: broker.shutdownTimeout * 2) {}
        // Unstructured, because this runs on the Broker's thread, which may not wait.
        Task(executorPreference: FunctionExecutor.shared) {
            _ = await isQuiet.wait()
            await withDiscardingTaskGroup { group in
                for service in services { group.addTask { await service.shutdown() } }
            }
            patience.cancel()
            keepAlive.cancel()
            // Wakes the Broker, so that it sees that nothing keeps it.
            broker.scheduleLater {}
        }
    }

    // MARK: Arrivals

    /// A request's place in the order in which they came.
    struct Arrival: Sendable {
        /// The request before it has its place in the queue of its service.
        let previous: OneShot<Void>?
        /// This one has.
        let isQueued = OneShot<Void>()
    }

    private func arrive() -> Arrival {
        lastArrival.withLock { last in
            let arrival = Arrival(previous: last)
            last = arrival.isQueued
            return arrival
        }
    }
}

extension Router {
    /// The services of this context: the pool that answers requests for them, 16 at the same time. It is made when it is
    /// first asked for, and ends with the router.
    ///
    /// - Throws: ``MitogenError`` with `.misuse` if the router is shut down, or something else listens for requests.
    public var services: ServicePool {
        get throws(MitogenError) { try services(size: 16) }
    }

    /// The services of this context.
    ///
    /// - Parameter size: How many requests run at the same time, at least one, in a pool that is made now.
    /// - Throws: As ``services``.
    public func services(size: Int) throws(MitogenError) -> ServicePool {
        try ServicePool.of(self, size: max(1, size))
    }
}
