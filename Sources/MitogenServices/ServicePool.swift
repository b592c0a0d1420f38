//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen
internal import MitogenPickle
internal import Synchronization

/// Answers the requests for the services of a context, so many at a time.
///
/// Requests beyond that wait in the order in which they came. What a method does, or fails to do, never disables the
/// pool.
public final class ServicePool: Sendable {
    private struct Entry {
        let service: any Service
        let methods: [String: any ServiceMethod.Type]
        /// Lets one request on at a time; nil where they run concurrently.
        let turn: AsyncSemaphore?
    }

    private struct State {
        var services: [String: Entry] = [:]
        var waiting = 0
        var isClosed = false
    }

    /// More requests than this are not kept waiting: they fail.
    private static let longestQueue = 10_000

    private let router: Router
    private let places: AsyncSemaphore
    private let activation = AsyncSemaphore(count: 1)
    private let lastArrival = Mutex<OneShot<Void>?>(nil)
    private let state = Mutex(State())

    private init(_ router: Router, size: Int) throws(MitogenError) {
        self.router = router
        places = AsyncSemaphore(count: size)
        _ = try router.serve(
            at: StandardHandle.callService,
            describedAs: Self.name(of:),
            prepare: { [weak self] in self?.arrive() ?? Arrival(previous: nil) }
        ) { [weak self] message, arrival in
            defer { arrival.isQueued.resolve(.success(())) }
            guard let self else { throw MitogenError(.channelError, "the pool has ended") }
            return try await answer(message, arrival)
        }
    }

    private static func name(of request: Message) -> String {
        let call = try? ServiceCall(decoding: request.data)
        return call.map { "\($0.service).\($0.method)" } ?? "a malformed request"
    }

    // MARK: Pools

    private static let pools = Mutex<[ObjectIdentifier: ServicePool]>([:])

    /// The pool of a router, which is made when it is first asked for, and ends with the router.
    ///
    /// - Parameters:
    ///   - router: The router.
    ///   - size: How many requests run at the same time, in a pool that is made now; 16 by default.
    /// - Throws: ``MitogenError`` with `.misuse` if the router is shut down, or something else listens for requests.
    public static func of(_ router: Router, size: Int = 16) throws(MitogenError) -> ServicePool {
        precondition(size > 0, "a pool runs at least one request at a time")
        let key = ObjectIdentifier(router)
        // Under the lock, so that there is one pool only: its handle can be taken once.
        let (pool, isNew) = try pools.withLock { pools throws(MitogenError) in
            if let pool = pools[key] { return (pool, false) }
            let pool = try ServicePool(router, size: size)
            pools[key] = pool
            return (pool, true)
        }
        if isNew {
            router.broker.onExit {
                _ = pools.withLock { $0.removeValue(forKey: key) }
                pool.close()
            }
        }
        return pool
    }

    /// Adds a service.
    ///
    /// - Throws: ``MitogenError`` with `.misuse` if there is one with this name, or the pool has ended.
    public func add<Added: Service>(_ service: Added) throws(MitogenError) {
        let methods = Dictionary(Added.methods.map { ($0.name, $0) }) { first, _ in first }
        let entry = Entry(
            service: service,
            methods: methods,
            turn: Added.ordering == .serial ? AsyncSemaphore(count: 1) : nil
        )
        let problem = state.withLock { state -> String? in
            if state.isClosed { return "the pool has ended" }
            if state.services[Added.name] != nil { return "service named '\(Added.name)' already registered" }
            state.services[Added.name] = entry
            return nil
        }
        if let problem { throw MitogenError(.misuse, problem) }
    }

    private func close() {
        let services = state.withLock { state in
            state.isClosed = true
            defer { state.services = [:] }
            return state.services.values.map(\.service)
        }
        // Unstructured, because the router's end waits for nobody.
        for service in services { Task { await service.shutdown() } }
    }

    // MARK: Requests

    /// A request's place in the order in which they came.
    private struct Arrival: Sendable {
        /// The request before it has its place in the queue of its service.
        let previous: OneShot<Void>?
        /// This one has.
        let isQueued = OneShot<Void>()
    }

    /// A request that is known to be allowed, with its place in the queue of its service.
    private struct Ticket: Sendable {
        let service: any Service
        let method: any ServiceMethod.Type
        let arguments: PickleValue
        let turn: (queue: AsyncSemaphore, place: OneShot<Void>)?
    }

    private func arrive() -> Arrival {
        lastArrival.withLock { last in
            let arrival = Arrival(previous: last)
            last = arrival.isQueued
            return arrival
        }
    }

    private func answer(_ message: Message, _ arrival: Arrival) async throws -> [UInt8] {
        let isTooMuch = state.withLock { state in
            state.waiting += 1
            return state.waiting > Self.longestQueue
        }
        defer { state.withLock { $0.waiting -= 1 } }
        if isTooMuch { throw MitogenError(.callError, "the pool has more than \(Self.longestQueue) requests waiting") }
        let request = ServiceRequest(message, in: router)
        // Fails only if this request is cancelled, and then it is of no account.
        try? await arrival.previous?.value()
        let call = try ServiceCall(decoding: message.data)
        if state.withLock({ $0.services[call.service] }) == nil {
            // Making a service may take its time: other services' requests go on.
            arrival.isQueued.resolve(.success(()))
            try await activate(call.service, for: request)
        }
        let ticket = try self.ticket(for: call, request)
        arrival.isQueued.resolve(.success(()))
        guard let turn = ticket.turn else { return try await run(ticket, for: request).get() }
        return try await turn.queue.withPermit(turn.place) { await self.run(ticket, for: request) }.get()
    }

    private func ticket(for call: ServiceCall, _ request: ServiceRequest) throws(MitogenError) -> Ticket {
        guard let entry = state.withLock({ $0.services[call.service] }) else {
            throw MitogenError(.callError, "the pool has no service '\(call.service)'")
        }
        guard let method = entry.methods[call.method] else {
            throw MitogenError(.callError, "No such method: '\(call.method)'")
        }
        guard method.policy.isAuthorized(request) else {
            throw MitogenError(
                .callError,
                "Caller is not authorized to invoke '\(call.method)' of service '\(call.service)'"
            )
        }
        return Ticket(
            service: entry.service,
            method: method,
            arguments: call.arguments,
            turn: entry.turn.map { ($0, $0.reserve()) }
        )
    }

    private func run(_ ticket: Ticket, for request: ServiceRequest) async -> Result<[UInt8], any Error> {
        do throws(MitogenError) {
            return try await places.withPermit {
                do {
                    return .success(try await ticket.method.answer(ticket.arguments, of: ticket.service, request))
                } catch {
                    return .failure(error)
                }
            }
        } catch {
            return .failure(error)
        }
    }

    // MARK: Activation

    /// Makes a service that is not there, once.
    private func activate(_ name: String, for request: ServiceRequest) async throws {
        guard let type = ServiceTable.shared.type(named: name) else {
            throw MitogenError(
                .callError,
                "Service '\(name)' is not known in this context",
                hint: "add it with ServicePool.add, or make its type an ActivatableService and name it in "
                    + "ServicePool.register"
            )
        }
        guard request.hasParentAuthority else {
            throw MitogenError(
                .callError,
                "Service '\(name)' is not yet activated in this context, and the caller is not privileged, therefore "
                    + "autoactivation is disabled."
            )
        }
        let result = try await activation.withPermit { () async throws(MitogenError) -> Result<Void, any Error> in
            do {
                guard state.withLock({ $0.services[name] }) == nil else { return .success(()) }
                try await make(type)
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    private func make<Made: ActivatableService>(_ type: Made.Type) async throws {
        try add(try await Made(router: router))
    }
}
