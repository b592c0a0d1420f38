//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Synchronization

/// Bounds how many connections to one server are being made that nobody has logged in on yet. sshd begins to refuse
/// them, at random, when there are ten (`MaxStartups 10:30:100` in sshd_config(5)).
final class ServerPlaces: Sendable {
    private struct Server {
        let semaphore: Gate
        var users = 0
        var lastProgress: ContinuousClock.Instant?
    }

    private let count: Int
    private let servers = Mutex<[String: Server]>([:])

    /// - Parameter count: How many have a place at one server; by default two less than sshd's own limit, for whoever else
    ///   connects to it.
    init(count: Int = 8) {
        self.count = count
    }

    /// Runs `body` with a place at each of the servers.
    ///
    /// - Parameters:
    ///   - names: The servers, sorted, so that those who wait for each other's places never do so in a circle.
    ///   - whenGivenUp: Is called with what to call if the wait is given up.
    /// - Throws: What the wait was given up with; `.cancelled` if the calling task is cancelled during it.
    func withPlaces(
        at names: ArraySlice<String>,
        whenGivenUp: (@escaping @Sendable (MitogenError) -> Void) -> Void,
        _ body: () async -> Void
    ) async throws(MitogenError) {
        guard let name = names.first else { return await body() }
        let semaphore = enter(name)
        defer { leave(name) }
        let turn = semaphore.reserve()
        whenGivenUp { turn.resolve(.failure($0)) }
        try await semaphore.withPermit(turn) { () async throws(MitogenError) in
            try await withPlaces(at: names.dropFirst(), whenGivenUp: whenGivenUp, body)
        }
    }

    /// A connection to these servers has come to something.
    func noteProgress(at names: [String]) {
        servers.withLock { servers in
            for name in names { servers[name]?.lastProgress = .now }
        }
    }

    /// When a connection to one of these servers has last come to something, since somebody waits.
    func lastProgress(at names: [String]) -> ContinuousClock.Instant? {
        servers.withLock { servers in names.compactMap { servers[$0]?.lastProgress }.max() }
    }

    private func enter(_ name: String) -> Gate {
        servers.withLock { servers in
            var server = servers[name] ?? Server(semaphore: Gate(places: count))
            server.users += 1
            servers[name] = server
            return server.semaphore
        }
    }

    private func leave(_ name: String) {
        servers.withLock { servers in
            servers[name]?.users -= 1
            if servers[name]?.users == 0 { servers[name] = nil }
        }
    }
}
