//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import MitogenProtocol
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// A tree of another process that this one has attached itself to.
public struct AttachedTree: Sendable {
    /// A router in that tree, of this process. It can start contexts of its own, which end with it, and contexts
    /// through those of the tree, which end when this process goes.
    public let router: Router
    /// The context of the process that listens.
    public let listener: Context
    /// The contexts that the listener had when this process attached itself, in the order of their numbers; none if it
    /// is a Python program, which does not tell.
    public let contexts: [Context]
    /// The number of the process that listens, as the kernel knows it.
    public let processID: Int32
}

extension Mitogen {
    /// Attaches this process to the tree of another one of the same user (Mitogen semantics, section 8.5).
    ///
    /// The process gets a number of that tree and the authority of the one that listens. When that one ends, every call
    /// that waits fails with `.channelError`, which says so, and ``Router/events`` has `.disconnected` for all
    /// contexts. Contexts that this process has started itself live on.
    ///
    /// - Parameters:
    ///   - path: Where a ``UnixListener``, or a `mitogen.unix.Listener` of the Python implementation, listens.
    ///   - configuration: How the router behaves.
    ///   - timeout: How long all of it may take; 10 s by default.
    /// - Returns: The tree. Its router is to be shut down with ``Router/shutdown()``; ``withRouter(unixSocket:configuration:timeout:_:)``
    ///   does that by itself.
    /// - Throws: ``MitogenError``: `.connectionRefused` if no process listens there, `.notPermitted` if the listener
    ///   belongs to another user, `.timeoutError` if it does not answer, `.eofError` if it closes the connection,
    ///   `.streamError`, and `.cancelled` if the calling task is. The connection is closed in each case.
    public static func connect(
        unixSocket path: String,
        configuration: RouterConfiguration = .init(),
        timeout: Duration = .seconds(10)
    ) async throws(MitogenError) -> AttachedTree {
        OpenFilesLimit.raise()
        let broker = try Broker(shutdownTimeout: configuration.shutdownTimeout)
        do throws(MitogenError) {
            let attempt = AttachAttempt(path: path, broker: broker, deadline: .now + timeout, timeout: timeout)
            return try await attempt.attach(configuration)
        } catch {
            broker.shutdown()
            await broker.join()
            throw error
        }
    }
}

/// Runs `body` in the tree of another process, see ``Mitogen/Mitogen/connect(unixSocket:configuration:timeout:)``, and
/// leaves it when the body is done.
///
/// - Parameters:
///   - path: Where the other process listens.
///   - configuration: How the router behaves.
///   - timeout: How long attaching may take; 10 s by default.
///   - body: What to do with the tree.
/// - Returns: What the body returns.
/// - Throws: What the body throws; ``MitogenError`` if this process cannot be attached. The router's shutdown is waited for
///   also when the calling task is cancelled; it takes at most ``RouterConfiguration/shutdownTimeout``.
public func withRouter<Result>(
    unixSocket path: String,
    configuration: RouterConfiguration = .init(),
    timeout: Duration = .seconds(10),
    _ body: (AttachedTree) async throws(MitogenError) -> Result
) async throws(MitogenError) -> Result {
    let tree = try await Mitogen.connect(unixSocket: path, configuration: configuration, timeout: timeout)
    return try await ending(tree.router) { (_) throws(MitogenError) in try await body(tree) }
}

/// Runs `body`, which may throw any error, in the tree of another process; see the other `withRouter`.
///
/// - Throws: What the body throws, but `CancellationError` if that is a ``MitogenError`` with `.cancelled` and the
///   calling task is cancelled.
@_documentation(visibility: internal)  // two of the same name would make every link to them ambiguous
public func withRouter<Result>(
    unixSocket path: String,
    configuration: RouterConfiguration = .init(),
    timeout: Duration = .seconds(10),
    _ body: (AttachedTree) async throws -> Result
) async throws -> Result {
    try await withCancellationErrors {
        let tree = try await Mitogen.connect(unixSocket: path, configuration: configuration, timeout: timeout)
        return try await ending(tree.router) { _ in try await body(tree) }
    }
}

/// One attempt to attach this process.
struct AttachAttempt: Sendable {
    let path: String
    let broker: Broker
    let deadline: ContinuousClock.Instant
    let timeout: Duration

    func attach(_ configuration: RouterConfiguration) async throws(MitogenError) -> AttachedTree {
        let descriptor = try await connect()
        let (answer, processID, stream) = try await shakeHands(descriptor)
        let table = RoutingTable(contextID: answer.contextID, parentIDs: [answer.listenerID])
        let router = Router(
            broker: broker,
            ownsBroker: true,
            configuration: configuration,
            table: table,
            isAttached: true
        )
        let link = router.makeStream(
            descriptors: StreamDescriptors(socket: stream),
            remoteID: answer.listenerID,
            name: "unix_listener.\(processID)",
            isLegacy: true
        )
        router.connectParent(link)
        let contexts = try await introduce(router, answer)
        let listener = router.context(answer.listenerID, name: link.name)
        return AttachedTree(router: router, listener: listener, contexts: contexts, processID: processID)
    }

    private var timeLeft: Duration { max(.zero, deadline - .now) }

    private var expired: MitogenError {
        MitogenError(.timeoutError, "the process that listens at \(path) has not answered within \(timeout)")
    }

    /// Connects; while the listener's queue is full, again and again.
    private func connect() async throws(MitogenError) -> Int32 {
        while true {
            let descriptor = cmitogen_unix_connect(path)
            switch -descriptor {
            case EAGAIN:
                guard timeLeft > .zero else { throw expired }
                do { try await Task.sleep(for: min(.milliseconds(10), timeLeft)) } catch { throw .cancelledCaller }
            case ENOENT, ECONNREFUSED:
                throw MitogenError(
                    .connectionRefused,
                    "no process listens at \(path): \(String(cString: strerror(-descriptor)))"
                )
            case 1...: throw .system("cannot connect to \(path)", errno: -descriptor)
            default: return descriptor
            }
        }
    }

    /// - Returns: The answer, who listens, and the descriptor for the frames.
    private func shakeHands(
        _ descriptor: Int32
    ) async throws(MitogenError) -> (AttachHandshake.Answer, processID: Int32, stream: Int32) {
        var processID: Int32 = 0
        var user: UInt32 = 0
        let result = cmitogen_peer(descriptor, &processID, &user)
        guard result == 0, user == geteuid() else {
            _ = systemClose(descriptor)
            throw MitogenError(
                .notPermitted,
                "the process that listens at \(path) belongs to the user with the number \(user), not to this one's"
            )
        }
        let reading = AnswerReading(descriptor)
        defer { reading.close(on: broker) }
        let own = AttachHandshake.bytes(of: UInt32(bitPattern: getpid()))
        let written = own.withUnsafeBytes { cmitogen_write2(descriptor, $0.baseAddress, $0.count, nil, 0) }
        guard written == own.count else { throw refused }
        reading.start(on: broker)
        let bytes: [UInt8]
        do throws(MitogenError) {
            bytes = try await reading.result.value(within: timeLeft, on: broker, "")
        } catch {
            throw error.code == .timeoutError ? expired : error.code == .eofError ? refused : error
        }
        guard let answer = AttachHandshake.Answer(bytes: bytes) else {
            throw MitogenError(.streamError, "the process that listens at \(path) has answered nonsense")
        }
        let stream = cmitogen_duplicate(descriptor, 3)
        guard stream >= 0 else { throw .system("cannot duplicate a descriptor", errno: -stream) }
        return (answer, processID, stream)
    }

    private var refused: MitogenError {
        MitogenError(.eofError, "the process that listens at \(path) has closed the connection")
    }

    /// Tells the listener what this process understands; a Python program does not know the question, and says that.
    private func introduce(
        _ router: Router,
        _ answer: AttachHandshake.Answer
    ) async throws(MitogenError) -> [Context] {
        let own = RouteInfo(id: answer.contextID, info: .current)
        let request = try Message.pickled(own, handle: StandardHandle.attach)
        let listener = router.context(answer.listenerID)
        let pending = try listener.startRequest(request)
        let reply: Message
        do throws(MitogenError) {
            reply = try await pending.get(timeout: timeLeft)
        } catch {
            switch error.code {
            case .timeoutError: throw expired
            case .channelError where listener.isReachable: return []
            case .channelError: throw refused
            default: throw error
            }
        }
        let known = try reply.decode(as: [AttachedContext].self)
        let contexts = known.sorted { $0.id < $1.id }.map { router.learn($0) }
        return contexts.filter { $0.id != answer.listenerID }
    }
}

/// Reads the listener's answer, and not a byte more.
private final class AnswerReading: Sendable {
    let result = OneShot<[UInt8]>()
    private let side: Broker.Side

    init(_ descriptor: Int32) {
        let intake = Mutex(AttachHandshake.Intake(size: AttachHandshake.answerSize))
        side = Broker.Side(descriptor: descriptor, keepsAlive: false) { [result] _ in
            intake.withLock { Self.read(descriptor, &$0, result) }
        }
    }

    func start(on broker: Broker) { broker.startReceiving(side) }

    func close(on broker: Broker) { broker.close(side) }

    private static func read(
        _ descriptor: Int32,
        _ intake: inout AttachHandshake.Intake,
        _ result: OneShot<[UInt8]>
    ) {
        guard case .read(let size) = intake.next else { return }
        var buffer = [UInt8](repeating: 0, count: size)
        let count = cmitogen_read(descriptor, &buffer, size)
        if count == -Int(EAGAIN) { return }
        switch intake.receive(buffer.prefix(max(0, count))) {
        case .read: break
        case .complete(let bytes): result.resolve(.success(bytes))
        case .failed(let reason): result.resolve(.failure(MitogenError(.eofError, reason)))
        }
    }
}
