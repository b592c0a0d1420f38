//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Logging
internal import MitogenProtocol
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension Router {
    /// Makes a connection through another context (Mitogen semantics, section 6.4).
    func connect(_ request: ConnectionRequest, via: Context) async throws(MitogenError) -> Context {
        let start = ContinuousClock.now
        let limit = request.common.connectTimeout
        var answer = try await proxy(request, by: via, within: limit)
        if let failure = answer.failure, let platform = failure.missingImage {
            // It only has its own image. What this context has for the platform, it gets.
            let error = failure.error(via: via.name)
            try await deliverImage(for: platform, to: via, until: start + limit, after: error)
            answer = try await proxy(request, by: via, within: max(.zero, start + limit - .now))
        }
        if let failure = answer.failure { throw failure.error(via: via.name) }
        guard let id = answer.id else {
            throw MitogenError(.streamError, "\(via.name) made a connection but named no context")
        }
        // A Python context tells nothing of itself.
        let info =
            answer.revision > 0 ? PeerInfo(revision: answer.revision, capabilities: answer.capabilities) : nil
        return try adopt(id, named: answer.name, by: via, info: info, connection: answer.connection)
    }

    /// Makes a connection from here.
    ///
    /// - Parameters:
    ///   - limit: How long it may take at most; by default as its options say.
    ///   - clock: Is kept at what is left of that.
    func connect(
        _ request: ConnectionRequest,
        within limit: Duration? = nil,
        _ clock: ConnectionClock? = nil
    ) async throws(MitogenError) -> Context {
        try request.common.validate()
        let image = try ImageSource(configuration.image, for: request.common)
        let limit = limit ?? request.common.connectTimeout
        func makeRounds() async throws(MitogenError) -> ConnectionRounds {
            // Without a Broker nobody would hear the child, or that its time is over.
            guard !isLeaving else { throw .brokerIsLeaving }
            let id = try await allocateID(timeout: limit)
            return ConnectionRounds(router: self, id: id, image: image, limit: limit, clock: clock, request: request)
        }
        guard request.way.hasServers else {
            return try await connectionLimit.withPermit { () async throws(MitogenError) in
                let rounds = try await makeRounds()
                return try await rounds.connect(await rounds.prepare())
            }
        }
        // What waits for a place at its server has none of those that all share.
        let (made, prepared) = try await sshConfigurations.turns.withPermit { () async throws(MitogenError) in
            let rounds = try await makeRounds()
            return (rounds, await rounds.prepare())
        }
        return try await made.connect(prepared)
    }

    /// Whether a new context is to pass messages only between ancestors and descendants. Once on, that stays on: only the
    /// master may start a context without it.
    func makesUnidirectional(_ options: CommonOptions, via: Context? = nil) -> Bool {
        let isOn = isUnidirectional
        return isOn && !isMaster || via?.state.isUnidirectional == true || options.isUnidirectional ?? isOn
    }

    var isLeaving: Bool { core.withLock { $0.isLeaving || $0.isShutDown } }

    /// What a new child is told.
    func configuration(
        for id: ContextID,
        _ options: CommonOptions,
        remoteName: String,
        image: String
    ) -> ChildConfiguration {
        let isUnidirectional = makesUnidirectional(options)
        return core.withLock { core in
            let table = core.state.table
            let ancestors = [table.contextID] + table.parentIDs
            return ChildConfiguration(
                parentIDs: ancestors,
                contextID: id,
                debug: options.isDebugEnabled ?? core.isDebugEnabled,
                profiling: options.isProfilingEnabled ?? profile.isOn,
                unidirectional: isUnidirectional,
                maxMessageSize: configuration.maxMessageSize,
                logLevel: options.isDebugEnabled ?? core.isDebugEnabled ? 10 : configuration.forwardedLogLevel,
                version: Mitogen.version,
                remoteName: remoteName,
                image: image,
                keepAliveInterval: configuration.keepAliveInterval.map { $0 / .seconds(1) },
                keepAliveTimeout: configuration.keepAliveTimeout / .seconds(1),
                ancestors: ancestors.compactMap { ancestor in
                    let info = ancestor == table.contextID ? PeerInfo.current : table.peers[ancestor]
                    return info.map { RouteInfo(id: ancestor, info: $0) }
                }
            )
        }
    }
}
