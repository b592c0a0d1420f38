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

/// A fork server of this router: its process, and who waits for it to fork.
///
/// It is asked for one process at a time: a request is one byte, so that there is room for it once the first frame is
/// written. Nothing here waits: what cannot be written yet is written by the Broker.
final class ForkServer: Sendable {
    enum Outcome: Sendable {
        /// The new process, which is a child of this one.
        case forked(SpawnedProcess)
        case failed(MitogenError)
        /// The server has ended before it was asked, and why: another one can be.
        case gone(MitogenError)
    }

    /// Called once.
    typealias Completion = @Sendable (Outcome) -> Void

    struct Request: Sendable {
        let ends: ConnectionEnds
        let deadline: ContinuousClock.Instant
        let completion: Completion
    }

    struct State {
        /// The connection; nil when nothing more comes on it.
        var side: Broker.Side?
        /// What is still to be written of the first frame.
        var unwritten: ArraySlice<UInt8> = []
        var awaitsRoom = false
        var queue = ForkQueue<Request>()
        /// What it has made lately: until such a copy has its configuration, it is in the server's group.
        var copies: [SpawnedProcess] = []
        /// Ends a server that does not answer.
        var timer: Timer?
    }

    let process: ChildProcess
    let broker: Broker
    let state = Mutex(State())

    /// How long after its attempt's time a request's server is ended: the attempt says first that its time is over.
    private static let lateness = Duration.milliseconds(100)

    /// Starts the process.
    ///
    /// - Throws: ``MitogenError`` with `.spawnError`.
    init(_ preload: NamedFunction?, _ image: ImageSource, in router: Router) throws(MitogenError) {
        broker = router.broker
        let parentIDs = [router.contextID] + router.parentIDs
        let setup = ForkServerSetup(version: Mitogen.version, parentIDs: parentIDs, preload: preload)
        let frame = try Message.pickled(setup, handle: StandardHandle.forkServer).frame
        let command = image.command(argument: "mitogen:fork server of \(ProcessIdentity.default)")
        let logger = router.logger
        let ends = try ConnectionEnds(terminal: .none)
        let spawned = try ends.spawn(
            command.arguments,
            path: command.path,
            environment: ProcessIdentity.environment,
            on: broker
        )
        process = ChildProcess(process: spawned, diagnostics: ends.diagnostics, broker: broker) { line in
            logger.debug("fork server: \(line)")
        }
        let side = Broker.Side(descriptor: ends.stream, keepsAlive: false) { [weak self] readiness, scratch in
            if readiness.contains(.writable) { self?.advance() }
            if !readiness.isDisjoint(with: [.readable, .hangup]) { self?.receive(ends.stream, scratch) }
        }
        state.withLock { state in
            state.side = side
            state.unwritten = frame[...]
        }
        broker.startReceiving(side)
        // Keeps the server until its process has ended: the copies that it tells of until then are this process's children.
        process.process.whenEnded { [self] _ in
            broker.schedule { [self] in processDidEnd() }
        }
        advance()
    }

    deinit {
        if let side = state.withLock({ $0.side }) { broker.close(side) }
    }

    /// Whether nothing is asked for any more.
    var hasEnded: Bool { state.withLock { $0.queue.isClosed } }

    /// Asks for a process.
    ///
    /// - Parameters:
    ///   - ends: Its far ends become the process's descriptors 0, 1 and 2, and are closed here.
    ///   - deadline: A server that has not answered by then is ended, as it will not.
    ///   - completion: Called on any thread.
    /// - Returns: The request's number, for ``cancel(_:)``.
    func fork(
        _ ends: ConnectionEnds,
        until deadline: ContinuousClock.Instant,
        _ completion: @escaping Completion
    ) -> Int {
        let request = Request(ends: ends, deadline: deadline, completion: completion)
        let (number, failure) = state.withLock { ($0.queue.add(request), $0.queue.failure) }
        if let failure {
            ends.closeFarEnds()
            completion(.gone(failure))
        } else {
            advance()
        }
        return number
    }

    /// The attempt that has asked is over: nothing is kept for it.
    func cancel(_ number: Int) {
        guard let (request, wasAsked) = state.withLock({ $0.queue.cancel(number) }) else { return }
        if !wasAsked { request.ends.closeFarEnds() }
        request.completion(.failed(.cancelledCaller))
    }

    // MARK: Requests

    /// Writes what there is room for: the first frame, then a request, if no answer is to come.
    private func advance() {
        while let (request, error) = state.withLock({ advance(&$0) }) { request.completion(.failed(error)) }
    }

    /// Under the lock, so that the descriptor is not closed, and its number not given to another, meanwhile.
    ///
    /// - Returns: A request that cannot be sent, and why.
    private func advance(_ state: inout State) -> (Request, MitogenError)? {
        guard let side = state.side, !state.queue.isClosed else { return nil }
        while !state.unwritten.isEmpty {
            let count = state.unwritten.withUnsafeBytes { bytes in
                cmitogen_write2(side.descriptor, bytes.baseAddress, bytes.count, nil, 0)
            }
            // After any other failure the process has ended, which is told by its end.
            guard count > 0 else { return awaitRoom(count == -Int(EAGAIN), side, &state) }
            state.unwritten = state.unwritten.dropFirst(count)
        }
        guard let request = state.queue.next else { return awaitRoom(false, side, &state) }
        let result = cmitogen_send_descriptors(side.descriptor, request.ends.farDescriptors, 2)
        // The same: who waits is told that it was not asked.
        if result == -EAGAIN || result == -EPIPE || result == -ECONNRESET {
            return awaitRoom(result == -EAGAIN, side, &state)
        }
        request.ends.closeFarEnds()
        guard result >= 0 else {
            state.queue.dropNext()
            return (request, .system("cannot hand the connection to the fork server", errno: -result, .spawnError))
        }
        state.queue.didAsk()
        let patience = max(.zero, request.deadline - .now) + Self.lateness
        state.timer = broker.schedule(after: patience) { [weak self] in self?.giveUp() }
        return awaitRoom(false, side, &state)
    }

    private func awaitRoom(_ isFull: Bool, _ side: Broker.Side, _ state: inout State) -> (Request, MitogenError)? {
        if isFull != state.awaitsRoom {
            state.awaitsRoom = isFull
            if isFull { broker.startTransmitting(side) } else { broker.stopTransmitting(side) }
        }
        return nil
    }

    private func receive(_ descriptor: Int32, _ scratch: UnsafeMutableRawBufferPointer) {
        let count = cmitogen_read(descriptor, scratch.baseAddress, scratch.count)
        if count == -Int(EAGAIN) { return }
        guard count > 0 else { return connectionDidEnd() }
        take(scratch[..<count])
        advance()
    }

    func take(_ bytes: Slice<UnsafeMutableRawBufferPointer>) {
        let (answers, timer) = state.withLock { state in
            let answers = state.queue.receive(bytes)
            return (answers, answers.isEmpty ? nil : state.timer.take())
        }
        timer?.cancel()
        for (answer, request) in answers {
            switch (answer, request) {
            case (.forked(let pid), let request):
                let copy = SpawnedProcess(child: pid, broker: broker)
                guard let request else {
                    // Nobody wants it any more.
                    copy.end(.failedAttempt)
                    continue
                }
                keep(copy)
                request.completion(.forked(copy))
            case (.refused(_, let text), let request):
                request?.completion(.failed(MitogenError(.spawnError, text, diagnostics: process.lastLines)))
            }
        }
    }
}
