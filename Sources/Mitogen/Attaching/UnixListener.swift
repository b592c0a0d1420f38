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

/// A Unix socket at which other processes of the same user attach themselves to a router's tree (Mitogen semantics,
/// section 8.5).
///
/// ```swift
/// let listener = try UnixListener(router: router, path: "\(home)/.app/tree.sock")
/// ```
///
/// A program that attaches itself, by ``Mitogen/Mitogen/connect(unixSocket:configuration:timeout:)`` or with the Python
/// implementation's `mitogen.unix.connect`, gets a number of this tree and acts with this router's authority: it may
/// call every function in every context that this program has started, as whatever user that context runs. Nobody can
/// call functions in it, and contexts still send their logs to the master. Contexts that it starts have no authority in
/// the tree.
///
/// Only processes with the effective user of this one are let in (`SO_PEERCRED`, unix(7)), not even root, who can
/// become that user. The socket has mode 0600, and its folder must belong to the user and be closed to all others. A
/// stale socket is replaced. Up to 32 clients may be in their handshake, each for at most 5 s; the one that has waited
/// longest makes room for a new one.
public final class UnixListener: Sendable {
    /// A client whose handshake goes on.
    private struct Pending {
        let side: Broker.Side
        let timer: Timer
        var intake = AttachHandshake.Intake(size: AttachHandshake.requestSize)
        let processID: Int32
    }

    private struct State {
        var router: Tether<Router>?
        var side: Broker.Side?
        /// In the order in which they came.
        var pending: [Int32: Pending] = [:]
        var order: [Int32] = []
    }

    /// The most clients that may be in their handshake.
    static let pendingLimit = 32
    /// How long a handshake may take.
    static let patience = Duration.seconds(5)
    /// How long no connection is accepted after the limit of open files was reached.
    private static let pause = Duration.milliseconds(100)
    /// How many clients are taken before others get their turn.
    private static let acceptsPerTurn = 16

    /// Where the socket is.
    public let path: String
    private let broker: Broker
    private let state: Mutex<State>

    /// Listens until ``close()`` is called or the router ends, which both remove the socket.
    ///
    /// - Parameters:
    ///   - router: The router whose tree others attach themselves to. It is not kept alive by this.
    ///   - path: Where the socket is made, of at most 107 bytes. By default `mitogen_unix_PID_NUMBER.sock` in the folder
    ///     `mitogen-UID` in `MITOGEN_RUNTIME_DIR`, or else in `/tmp`. A folder that is missing is made with mode 0700.
    /// - Throws: ``MitogenError``: `.notPermitted` if others may enter the folder or it is another user's, `.misuse` if
    ///   somebody listens there, a file of another kind is there, or the router is shut down, `.streamError` if a system
    ///   call fails.
    public init(router: Router, path: String? = nil) throws(MitogenError) {
        let path = path ?? Self.freePath()
        let folder = SocketFolder.ofFile(path)
        _ = try folder.check(creates: true)
        self.path = path
        broker = router.broker
        state = Mutex(State(router: Tether(router)))
        let descriptor = cmitogen_unix_listen(folder.path, path, 128)
        guard descriptor >= 0 else { throw Self.failure(path, errno: -descriptor) }
        let side = Broker.Side(descriptor: descriptor, keepsAlive: false) { [self] _ in accept() }
        state.withLock { $0.side = side }
        do throws(MitogenError) {
            try router.add(
                FunctionHandler { [router = Tether(router)] message, stream in
                    router.object?.introduceTree(message, to: stream)
                },
                at: StandardHandle.attach,
                policy: .immediatePeer,
                overwrites: true
            )
        } catch {
            close()
            throw error
        }
        broker.startReceiving(side)
        broker.onShutdown { [weak self] in self?.close() }
    }

    private static let count = Atomic<Int>(0)

    private static func freePath() -> String {
        let number = count.wrappingAdd(1, ordering: .relaxed).newValue
        return "\(SocketFolder.usual.path)/mitogen_unix_\(getpid())_\(number).sock"
    }

    private static func failure(_ path: String, errno code: Int32) -> MitogenError {
        switch code {
        case EADDRINUSE: MitogenError(.misuse, "another process listens at \(path)")
        case EEXIST: MitogenError(.misuse, "\(path) is there, and is no socket")
        case ENAMETOOLONG:
            MitogenError(.misuse, "\(path) is too long for a Unix socket, whose path has at most 107 bytes")
        default: .system("cannot listen at \(path)", errno: code)
        }
    }

    /// Stops listening, and removes the socket. Programs that are attached stay so. Harmless when repeated.
    public func close() {
        let (side, pending) = state.withLock { state in
            defer {
                state.side = nil
                state.pending = [:]
                state.order = []
            }
            return (state.side, state.pending.values.map { $0 })
        }
        guard let side else { return }
        // Before the descriptor is closed: from then on the path may be another listener's.
        unlink(path)
        broker.close(side)
        for client in pending { drop(client) }
    }

    private func drop(_ client: Pending) {
        client.timer.cancel()
        broker.close(client.side)
    }

    // MARK: Clients, on the Broker's thread

    private func accept() {
        for _ in 0..<Self.acceptsPerTurn {
            guard let side = state.withLock({ $0.side }) else { return }
            let descriptor = cmitogen_accept(side.descriptor)
            switch -descriptor {
            case EAGAIN: return
            case ECONNABORTED, EINTR: continue
            case 1...:
                // It would be ready again at once, without end.
                log("cannot take a connection at \(path): \(String(cString: strerror(-descriptor)))")
                broker.stopReceiving(side)
                broker.schedule(after: Self.pause) { [weak self] in self?.resume() }
                return
            default: admit(descriptor)
            }
        }
    }

    private func resume() {
        if let side = state.withLock({ $0.side }) { broker.startReceiving(side) }
    }

    private func admit(_ descriptor: Int32) {
        var processID: Int32 = 0
        var user: UInt32 = 0
        let result = cmitogen_peer(descriptor, &processID, &user)
        guard result == 0, user == geteuid() else {
            log("refused process \(processID) of the user with the number \(user) at \(path)")
            _ = systemClose(descriptor)
            return
        }
        let side = Broker.Side(descriptor: descriptor, keepsAlive: false) { [weak self] _ in self?.read(descriptor) }
        let timer = broker.schedule(after: Self.patience) { [weak self] in
            self?.end(descriptor, "it did not complete the handshake within \(Self.patience)")
        }
        let surplus = state.withLock { state -> Pending? in
            state.pending[descriptor] = Pending(side: side, timer: timer, processID: processID)
            state.order.append(descriptor)
            guard state.order.count > Self.pendingLimit else { return nil }
            return state.pending.removeValue(forKey: state.order.removeFirst())
        }
        if let surplus {
            log("closed the connection of process \(surplus.processID) at \(path): others wait as well")
            drop(surplus)
        }
        broker.startReceiving(side)
    }

    /// Takes a client out of those whose handshake goes on.
    private func take(_ descriptor: Int32) -> Pending? {
        state.withLock { state in
            state.order.removeAll { $0 == descriptor }
            return state.pending.removeValue(forKey: descriptor)
        }
    }

    private func end(_ descriptor: Int32, _ reason: String) {
        guard let client = take(descriptor) else { return }
        log("closed the connection of process \(client.processID) at \(path): \(reason)")
        drop(client)
    }

    private func read(_ descriptor: Int32) {
        guard case .read(let size)? = state.withLock({ $0.pending[descriptor]?.intake.next }) else { return }
        var buffer = [UInt8](repeating: 0, count: size)
        let count = cmitogen_read(descriptor, &buffer, size)
        if count == -Int(EAGAIN) { return }
        let piece = buffer.prefix(max(0, count))
        switch state.withLock({ $0.pending[descriptor]?.intake.receive(piece) }) {
        case .complete: accept(descriptor)
        case .failed(let reason): end(descriptor, reason)
        case .read, nil: break
        }
    }

    /// The client has said who it is, and gets a number.
    private func accept(_ descriptor: Int32) {
        guard let router = state.withLock({ $0.router?.object }) else { return end(descriptor, "the router is gone") }
        if let id = router.core.withLock({ $0.state.allocator.allocate() }) {
            return connect(descriptor, id, router)
        }
        // Unstructured, because the Broker's thread cannot wait for the master, which has to be asked for numbers.
        Task(executorPreference: broker.taskExecutor) {
            do throws(MitogenError) {
                self.connect(descriptor, try await router.allocateID(timeout: Self.patience), router)
            } catch {
                self.end(descriptor, "\(error)")
            }
        }
    }

    private func connect(_ descriptor: Int32, _ id: ContextID, _ router: Router) {
        guard let client = take(descriptor) else { return }
        // A descriptor of its own, as the Broker closes the one that it has watched.
        let copy = cmitogen_duplicate(descriptor, 3)
        drop(client)
        guard copy >= 0 else { return log("cannot duplicate a descriptor: \(String(cString: strerror(-copy)))") }
        let answer = AttachHandshake.Answer(
            contextID: id,
            listenerID: router.contextID,
            processID: UInt32(bitPattern: getpid())
        )
        let written = answer.bytes.withUnsafeBytes { cmitogen_write2(copy, $0.baseAddress, $0.count, nil, 0) }
        // Nothing has been written to this socket before, so it takes them all unless its peer is gone.
        guard written == AttachHandshake.answerSize else {
            _ = systemClose(copy)
            return
        }
        router.connectClient(copy, id: id, processID: client.processID)
    }

    private func log(_ text: @autoclosure () -> String) {
        guard let router = state.withLock({ $0.router?.object }) else { return }
        let text = text()
        router.logger.info("\(text)")
    }
}
