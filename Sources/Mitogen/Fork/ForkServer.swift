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
        /// The number of the new process, which is a child of this one.
        case forked(Int32)
        case failed(MitogenError)
        /// The server has ended before it was asked, and why: another one can be.
        case gone(MitogenError)
    }

    /// Called once.
    typealias Completion = @Sendable (Outcome) -> Void

    private struct Request {
        let number: Int
        let ends: ConnectionEnds
        let deadline: ContinuousClock.Instant
        let completion: Completion
    }

    private struct State {
        /// The connection; nil when nothing more comes on it.
        var side: Side?
        /// What is still to be written of the first frame.
        var unwritten: ArraySlice<UInt8> = []
        var awaitsRoom = false
        var waiting = Queue<Request>()
        /// Whether an answer is to come.
        var isAsked = false
        /// Who gets it; nil if its attempt is over.
        var current: Request?
        /// Ends a server that does not answer.
        var timer: Timer?
        var received: [UInt8] = []
        var requestCount = 0
        /// Whether the process has ended, or its connection; why is known a moment later.
        var isOver = false
        var failure: MitogenError?
    }

    private let process: ChildProcess
    private let broker: Broker
    private let state = Mutex(State())

    /// How long after its attempt's time a request's server is ended: the attempt says first that its time is over.
    private static let lateness = Duration.milliseconds(100)

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
        let side = Side(descriptor: ends.stream, keepsAlive: false) { [weak self] readiness, scratch in
            if readiness.contains(.writable) { self?.advance() }
            if !readiness.isDisjoint(with: [.readable, .hangup]) { self?.receive(ends.stream, scratch) }
        }
        state.withLock { state in
            state.side = side
            state.unwritten = frame[...]
        }
        broker.startReceive(side)
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
    var hasEnded: Bool { state.withLock { $0.isOver } }

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
        let (number, failure) = state.withLock { state in
            state.requestCount += 1
            let number = state.requestCount
            if state.failure == nil {
                state.waiting.append(
                    Request(number: number, ends: ends, deadline: deadline, completion: completion)
                )
            }
            return (number, state.failure)
        }
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
        let (queued, asked) = state.withLock { state in
            let queued = state.waiting.remove { $0.number == number }
            return (queued, state.current?.number == number ? state.current.take() : nil)
        }
        for request in queued { request.ends.closeFarEnds() }
        for request in queued + (asked.map { [$0] } ?? []) { request.completion(.failed(.cancelledCaller)) }
    }

    /// For the moment when nothing else runs any more.
    func killAndReap() { process.killAndReap() }

    // MARK: Requests

    /// Writes what there is room for: the first frame, then a request, if no answer is to come.
    private func advance() {
        while let (request, error) = state.withLock({ advance(&$0) }) { request.completion(.failed(error)) }
    }

    /// Under the lock, so that the descriptor is not closed, and its number not given to another, meanwhile.
    ///
    /// - Returns: A request that cannot be sent, and why.
    private func advance(_ state: inout State) -> (Request, MitogenError)? {
        guard let side = state.side, !state.isOver else { return nil }
        while !state.unwritten.isEmpty {
            let count = state.unwritten.withUnsafeBytes { bytes in
                cmitogen_write2(side.descriptor, bytes.baseAddress, bytes.count, nil, 0)
            }
            // After any other failure the process has ended, which is told by its end.
            guard count > 0 else { return awaitRoom(count == -Int(EAGAIN), side, &state) }
            state.unwritten = state.unwritten.dropFirst(count)
        }
        guard !state.isAsked, let request = state.waiting.first else { return awaitRoom(false, side, &state) }
        let result = cmitogen_send_descriptors(side.descriptor, request.ends.farDescriptors, 2)
        // The same: who waits is told that it was not asked.
        if result == -EAGAIN || result == -EPIPE || result == -ECONNRESET {
            return awaitRoom(result == -EAGAIN, side, &state)
        }
        _ = state.waiting.popFirst()
        request.ends.closeFarEnds()
        guard result >= 0 else {
            return (request, .system("cannot hand the connection to the fork server", errno: -result, .spawnError))
        }
        state.isAsked = true
        state.current = request
        let patience = max(.zero, request.deadline - .now) + Self.lateness
        state.timer = broker.schedule(after: patience) { [weak self] in self?.giveUp() }
        return awaitRoom(false, side, &state)
    }

    private func awaitRoom(_ isFull: Bool, _ side: Side, _ state: inout State) -> (Request, MitogenError)? {
        if isFull != state.awaitsRoom {
            state.awaitsRoom = isFull
            if isFull { broker.startTransmit(side) } else { broker.stopTransmit(side) }
        }
        return nil
    }

    private func receive(_ descriptor: Int32, _ scratch: UnsafeMutableRawBufferPointer) {
        let count = cmitogen_read(descriptor, scratch.baseAddress, scratch.count)
        if count == -Int(EAGAIN) { return }
        guard count > 0 else {
            closeSide()
            return didEnd()
        }
        take(Array(scratch[..<count]))
        advance()
    }

    private func take(_ bytes: [UInt8]) {
        let answers = state.withLock { state -> [ForkAnswer] in
            state.received += bytes
            var answers: [ForkAnswer] = []
            while let answer = ForkAnswer(takingFrom: &state.received) { answers.append(answer) }
            return answers
        }
        for answer in answers {
            let request = state.withLock { state in
                state.isAsked = false
                state.timer.take()?.cancel()
                return state.current.take()
            }
            switch answer {
            case .forked(let pid):
                if let request {
                    request.completion(.forked(pid))
                } else {
                    // Nobody wants it any more.
                    SpawnedProcess(child: pid, broker: broker).end(.failedAttempt)
                }
            case .refused(_, let text):
                request?.completion(.failed(MitogenError(.spawnError, text, diagnostics: process.lastLines)))
            }
        }
    }

    // MARK: The end

    /// On the Broker's thread. What it has said last may still be there to read.
    private func processDidEnd() {
        let descriptor = state.withLock { state in
            state.isOver = true
            return state.side?.descriptor
        }
        if let descriptor {
            var buffer = [UInt8](repeating: 0, count: 8192)
            while true {
                let count = buffer.withUnsafeMutableBytes { cmitogen_read(descriptor, $0.baseAddress, $0.count) }
                guard count > 0 else { break }
                take(Array(buffer[..<count]))
            }
        }
        closeSide()
        didEnd()
    }

    private func closeSide() {
        let side = state.withLock { state in
            state.isOver = true
            return state.side.take()
        }
        if let side { broker.close(side) }
    }

    /// The server has ended by itself: what it said last is why.
    private func didEnd() {
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

    /// It hangs, in its preload function or stopped: nobody else is to wait for it.
    private func giveUp() {
        finish(
            MitogenError(
                .spawnError,
                "the fork server was ended, because it had not answered in time",
                diagnostics: process.lastLines,
                hint: "look whether its preload function hangs; allow it more time with `connectTimeout`"
            )
        )
        process.terminate()
    }

    /// Ends the server, also while it runs its preload function.
    func close() {
        finish(.brokerIsLeaving)
        process.terminate()
    }

    private func finish(_ error: MitogenError) {
        let (requests, current, timer) = state.withLock { state in
            state.isOver = true
            state.failure = state.failure ?? error
            return (state.waiting.takeAll(), state.current.take(), state.timer.take())
        }
        timer?.cancel()
        current?.completion(.failed(error))
        for request in requests {
            request.ends.closeFarEnds()
            request.completion(.gone(error))
        }
    }
}
