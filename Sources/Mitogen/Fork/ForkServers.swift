//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol
internal import Synchronization

/// The fork servers of a router: one for each preload function.
final class ForkServers: Sendable {
    private struct State {
        var servers: [NamedFunction?: ForkServer] = [:]
        var isClosed = false
    }

    private let state = Mutex(State())

    /// The server that has run a preload function; started, if there is none or it has ended.
    func server(
        for preload: NamedFunction?,
        _ image: ImageSource,
        in router: Router
    ) throws(MitogenError) -> ForkServer {
        let result = state.withLock { state -> Result<ForkServer, MitogenError> in
            if state.isClosed { return .failure(.brokerIsLeaving) }
            if let known = state.servers[preload], !known.hasEnded { return .success(known) }
            do throws(MitogenError) {
                let server = try ForkServer(preload, image, in: router)
                state.servers[preload] = server
                return .success(server)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// The router ends.
    func close() {
        for server in takeAll() { server.close() }
    }

    private func takeAll() -> [ForkServer] {
        state.withLock { state in
            state.isClosed = true
            return Array(state.servers.values)
        }
    }

    /// For the moment when nothing else runs any more.
    func killAndReap() {
        for server in takeAll() { server.killAndReap() }
    }
}
