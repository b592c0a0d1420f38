//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenPickle
internal import MitogenProtocol
internal import Synchronization

extension ServicePool {
    /// A request that is known to be allowed.
    private struct Ticket: Sendable {
        let service: any Service
        let method: any ServiceMethod.Type
        let results: SharedResults?
    }

    /// Answers a request, before which all that came earlier have their places.
    func answer(_ served: ServedRequest, _ arrival: Arrival) async throws -> [UInt8] {
        try enter()
        defer { leave() }
        let call = try ServiceCall(decoding: served.message.data)
        return try await served.withTimeout(call.options, call.name) {
            try await self.answer(call, served, arrival)
        }
    }

    private func enter() throws(MitogenError) {
        let problem = state.withLock { state -> MitogenError? in
            if state.isQuiet != nil { return Self.ended }
            state.requests += 1
            return nil
        }
        if let problem { throw problem }
    }

    private func leave() {
        let isQuiet = state.withLock { state -> OneShot<Void>? in
            state.requests -= 1
            return state.requests == 0 ? state.isQuiet : nil
        }
        isQuiet?.resolve(.success(()))
    }

    private func answer(_ call: ServiceCall, _ served: ServedRequest, _ arrival: Arrival) async throws -> [UInt8] {
        let request = ServiceRequest(served.message, in: router)
        let early = try ticket(for: call, request)
        guard let queue = queue(of: call.service) else {
            arrival.isQueued.resolve(.success(()))
            let ticket = try await activated(early, for: call, request)
            return try await run(ticket, call, served)
        }
        let place = queue.reserve()
        arrival.isQueued.resolve(.success(()))
        return try await queue.withPermit(place) { () async throws(MitogenError) -> Result<[UInt8], any Error> in
            do {
                // A service that is not there is made when it is the request's turn: so the order holds from the first on.
                let ticket = try await self.activated(early, for: call, request)
                return .success(try await self.run(ticket, call, served))
            } catch {
                return .failure(error)
            }
        }.get()
    }

    /// The queue of a service that takes one request after the other.
    private func queue(of name: String) -> Gate? {
        state.withLock { state in
            if let known = state.queues[name] { return known }
            let ordering = state.services[name].map { type(of: $0.service).ordering }
            guard ordering ?? ServiceTable.shared.type(named: name)?.ordering == .serial else { return nil }
            let queue = Gate(places: 1)
            state.queues[name] = queue
            return queue
        }
    }

    /// What a request asks for; nil if its service is not there.
    ///
    /// - Throws: `.callError` if there is no such method, or the caller may not call it.
    private func ticket(for call: ServiceCall, _ request: ServiceRequest) throws(MitogenError) -> Ticket? {
        guard let entry = state.withLock({ $0.services[call.service] }) else { return nil }
        guard let method = entry.methods[call.method] else {
            throw MitogenError(.callError, "No such method: '\(call.method)'")
        }
        guard method.policy.isAuthorized(request) else {
            throw MitogenError(
                .callError,
                "Caller is not authorized to invoke '\(call.method)' of service '\(call.service)'"
            )
        }
        return Ticket(service: entry.service, method: method, results: entry.results)
    }

    private func run(_ ticket: Ticket, _ call: ServiceCall, _ served: ServedRequest) async throws -> [UInt8] {
        guard let results = ticket.results else { return try await perform(ticket, call, served) }
        let key = SharedResults.Key(method: call.method, arguments: call.arguments)
        return try await results.value(for: key, byteCount: served.message.data.count) {
            try await ExternalContext.$current.withValue(served.context()) {
                try await self.perform(ticket, call, served)
            }
        }
    }

    private func perform(_ ticket: Ticket, _ call: ServiceCall, _ served: ServedRequest) async throws -> [UInt8] {
        let request = ServiceRequest(served.message, in: router)
        return try await places.withPermit { () async throws(MitogenError) -> Result<[UInt8], any Error> in
            do {
                // One that was given up while it waited is not begun.
                try Task.checkCancellation()
                return .success(try await ticket.method.answer(call.arguments, of: ticket.service, request))
            } catch {
                return .failure(error)
            }
        }.get()
    }

    // MARK: Activation

    private func activated(
        _ early: Ticket?,
        for call: ServiceCall,
        _ request: ServiceRequest
    ) async throws -> Ticket {
        if let ticket = try early ?? ticket(for: call, request) { return ticket }
        try await activate(call.service, for: request)
        guard let ticket = try ticket(for: call, request) else { throw Self.ended }
        return ticket
    }

    /// What is said of a service that is neither there nor can be made.
    static func isUnknown(_ name: String) -> String { "Service '\(name)' is not known in this context" }

    /// Makes a service that is not there, if its type is known and the caller may have it made.
    private func activate(_ name: String, for request: ServiceRequest) async throws {
        guard let type = ServiceTable.shared.type(named: name) else {
            throw MitogenError(
                .callError,
                Self.isUnknown(name),
                hint:
                    "\(.programsOnly)add it with ServicePool.add, or make its type an ActivatableService and name it in "
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
        try await activate(type)
    }

    /// Makes a service, once.
    func activate(_ type: any ActivatableService.Type) async throws {
        let name = type.name
        let activation = state.withLock { state in
            let activation = state.activations[name] ?? Gate(places: 1)
            state.activations[name] = activation
            return activation
        }
        try await activation.withPermit { () async throws(MitogenError) -> Result<Void, any Error> in
            do {
                guard state.withLock({ $0.services[name] }) == nil else { return .success(()) }
                return .success(try await make(type))
            } catch {
                return .failure(error)
            }
        }.get()
    }

    private func make<Made: ActivatableService>(_ type: Made.Type) async throws {
        try add(try await Made(router: router))
    }
}
