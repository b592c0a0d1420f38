//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Logging
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// A fork server of this router: its process, and who waits for it to fork.
///
/// It is asked for one process at a time: a request is one byte, so that it never waits for room.
final class ForkServer: Sendable {
    enum Outcome: Sendable {
        /// The number of the new process, which is a child of this one.
        case forked(Int32)
        case failed(MitogenError)
        /// The server was gone before it was asked: another one can be.
        case gone
    }

    /// Called once.
    typealias Completion = @Sendable (Outcome) -> Void

    private struct Request {
        let ends: ConnectionEnds
        let completion: Completion
    }

    private struct State {
        var side: Side?
        var current: Request?
        var waiting = Queue<Request>()
        var received: [UInt8] = []
        /// Whether the process has ended, or its connection; why is known a moment later.
        var isOver = false
    }

    private let process: ChildProcess
    private let broker: Broker
    private let state = Mutex(State())

    /// Starts the process.
    ///
    /// - Throws: ``MitogenError`` with `.spawnError`.
    init(_ preload: NamedFunction?, _ image: ImageSource, in router: Router) throws(MitogenError) {
        broker = router.broker
        let setup = ForkServerSetup(version: Mitogen.version, preload: preload)
        let frame = try Message.pickled(setup, handle: StandardHandle.forkServer).frame
        let ends = try ConnectionEnds(terminal: .none)
        defer { ends.closeFarEnds() }
        let command = image.command(argument: "mitogen:fork server of \(ProcessIdentity.default)")
        let logger = router.logger
        do throws(MitogenError) {
            let spawned = try SpawnedProcess(
                SpawnRequest(
                    arguments: command.arguments,
                    path: command.path,
                    environment: ProcessIdentity.environment,
                    directory: nil,
                    descriptors: ends.descriptors
                ),
                broker: broker
            )
            process = ChildProcess(process: spawned, diagnostics: ends.diagnostics, broker: broker) { line in
                logger.debug("fork server: \(line)")
            }
        } catch {
            ends.closeNearEnds()
            throw MitogenError(error.code, "cannot start the fork server: \(error.message)", hint: error.hint)
        }
        let isWritten = Self.write(frame, to: ends.stream)
        let side = Side(descriptor: ends.stream, keepsAlive: false) { [weak self] _, scratch in
            self?.receive(ends.stream, scratch)
        }
        state.withLock { $0.side = side }
        broker.startReceive(side)
        process.process.whenEnded { [weak self] _ in self?.didEnd() }
        if !isWritten { didEnd() }
    }

    /// Writes all of it, which is at most 256 KiB, to the process that has just been started to read it.
    private static func write(_ frame: [UInt8], to descriptor: Int32) -> Bool {
        var rest = frame[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { cmitogen_write2(descriptor, $0.baseAddress, $0.count, nil, 0) }
            if count == -Int(EAGAIN) {
                var watched = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&watched, 1, -1)
            } else if count < 0 {
                return false
            }
            rest = rest.dropFirst(max(0, count))
        }
        return true
    }

    deinit {
        if let side = state.withLock({ $0.side }) { broker.close(side) }
    }

    /// Whether nothing is asked for any more.
    var hasEnded: Bool { state.withLock { $0.isOver } }

    /// Asks for a process.
    ///
    /// - Parameters:
    ///   - ends: Its far ends become the process's descriptors 0, 1 and 2, and are closed here.
    ///   - completion: Called on any thread.
    func fork(_ ends: ConnectionEnds, _ completion: @escaping Completion) {
        let isOver = state.withLock { state in
            if !state.isOver { state.waiting.append(Request(ends: ends, completion: completion)) }
            return state.isOver
        }
        guard isOver else { return sendNext() }
        ends.closeFarEnds()
        completion(.gone)
    }

    /// For the moment when nothing else runs any more.
    func killAndReap() { process.killAndReap() }

    // MARK: Requests

    private func sendNext() {
        let next = state.withLock { state -> (Request, Side)? in
            guard state.current == nil, let side = state.side, let request = state.waiting.popFirst() else {
                return nil
            }
            state.current = request
            return (request, side)
        }
        guard let (request, side) = next else { return }
        let result = cmitogen_send_descriptors(side.descriptor, request.ends.farDescriptors, 2)
        request.ends.closeFarEnds()
        switch result {
        case 0...: break
        case -EPIPE, -ECONNRESET:
            let request = state.withLock { state in
                state.isOver = true
                return state.current.take()
            }
            request?.completion(.gone)
            didEnd()
        default:
            complete(.failed(.system("cannot hand the connection to the fork server", errno: -result, .spawnError)))
        }
    }

    private func complete(_ outcome: Outcome) {
        let request = state.withLock { $0.current.take() }
        request?.completion(outcome)
        sendNext()
    }

    private func receive(_ descriptor: Int32, _ scratch: UnsafeMutableRawBufferPointer) {
        let count = cmitogen_read(descriptor, scratch.baseAddress, scratch.count)
        if count == -Int(EAGAIN) { return }
        guard count > 0 else { return didEnd() }
        let answers = state.withLock { state -> [ForkAnswer] in
            state.received += scratch[..<count]
            var answers: [ForkAnswer] = []
            while let answer = ForkAnswer(takingFrom: &state.received) { answers.append(answer) }
            return answers
        }
        for answer in answers {
            switch answer {
            case .forked(let pid): complete(.forked(pid))
            case .refused(_, let text):
                complete(.failed(MitogenError(.spawnError, text, diagnostics: process.lastLines)))
            }
        }
    }

    // MARK: The end

    /// The server has ended by itself: what it said last is why.
    private func didEnd() {
        state.withLock { $0.isOver = true }
        process.reportEnd(within: .seconds(1)) { [self] detail in
            let detail = detail.map { ": \($0)" } ?? ""
            finish(
                MitogenError(
                    .spawnError,
                    "the fork server has ended\(detail)",
                    diagnostics: process.lastLines,
                    hint: "the next fork starts another one"
                )
            )
        }
    }

    /// Ends the server, also while it runs its preload function.
    func close() {
        finish(.brokerIsLeaving)
        process.terminate()
    }

    private func finish(_ error: MitogenError) {
        let (side, requests, current) = state.withLock { state in
            state.isOver = true
            return (state.side.take(), state.waiting.takeAll(), state.current.take())
        }
        if let side { broker.close(side) }
        current?.completion(.failed(error))
        for request in requests {
            request.ends.closeFarEnds()
            request.completion(.failed(error))
        }
    }
}

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
