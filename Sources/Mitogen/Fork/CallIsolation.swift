//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenPickle
internal import MitogenProtocol
internal import Synchronization

/// Where a function runs that is called in a context.
public struct CallIsolation: Sendable {
    let preload: (any ForkFunction)?
    let limits: ProcessLimits

    /// In a process of its own, see ``process(preload:limits:)``.
    public static var process: CallIsolation { process() }

    /// In a process of its own, which is forked for the call and ends after it.
    ///
    /// A crash, a leak, a changed directory, user, environment variable or signal handler, or a limit that is used up
    /// touches nothing else. The function sees what `preload` has made, not what is in the memory of the context. To be
    /// forked and to end takes about a millisecond.
    ///
    /// - Parameters:
    ///   - preload: What the context's fork server runs once; nothing by default. There is one server for each function with
    ///     its properties, and it stays until the context ends, also when nothing is called: give properties that differ
    ///     from call to call to the function that is called, not to this one.
    ///   - limits: What the process may use.
    public static func process(
        preload: (any ForkFunction)? = nil,
        limits: ProcessLimits = ProcessLimits()
    ) -> CallIsolation {
        CallIsolation(preload: preload, limits: limits)
    }

    func request() throws(MitogenError) -> ConnectionRequest {
        var options = Router.ForkOptions()
        options.preload = preload
        return try options.request(limits: limits)
    }
}

extension Context {
    /// Runs a function in a process that is forked for it in this context, and returns its result.
    ///
    /// The function's ``ExternalContext/caller`` is this context. See <doc:Fork>.
    ///
    /// - Parameters:
    ///   - function: The function with its arguments.
    ///   - isolation: Where it runs.
    ///   - timeout: How long to wait at most; for ever by default. When it is over the function is cancelled, and its
    ///     process ends.
    /// - Returns: The function's result.
    /// - Throws: ``MitogenError`` as ``call(_:timeout:)->_`` does; `.channelError` if the process ends before it has
    ///   answered, with how it has ended and its last words; what ``Router/fork(preload:onFork:onStart:via:_:)`` throws.
    public func call<F: RemoteFunction>(
        _ function: F,
        isolation: CallIsolation,
        timeout: Duration? = nil
    ) async throws(MitogenError) -> F.Output where F.Output: Codable {
        let answer = try await call(
            IsolatedCall(request: isolation.request(), function: function),
            timeout: timeout
        )
        return try answer.get(from: self)
    }

    /// Runs a function that has no result in a process of its own; see the other `call`.
    public func call<F: RemoteFunction>(
        _ function: F,
        isolation: CallIsolation,
        timeout: Duration? = nil
    ) async throws(MitogenError) where F.Output == Void {
        let answer = try await call(
            IsolatedVoidCall(request: isolation.request(), function: function),
            timeout: timeout
        )
        _ = try answer.get(from: self)
    }
}

/// What an isolated call has come to. An error is a value here, so that it arrives whole.
enum IsolatedAnswer<Output: Codable & Sendable>: Codable, Sendable {
    struct Failure: Codable, Sendable {
        var error: ConnectionFailure
        var remoteType: String?
        var remoteMessage: String?
        var remoteTraceback: String?
        var remoteValue: PickleValue?
        var remoteTypeIdentifier: String?
    }

    // Not an optional output beside an optional failure: the output itself may be nil.
    case success(Output)
    case failure(Failure)

    /// Runs the function in a forked process.
    init(
        _ request: ConnectionRequest,
        in context: ExternalContext,
        _ run: (Context) async throws(MitogenError) -> Output
    ) async throws {
        do throws(MitogenError) {
            let child = try await context.router.connect(request)
            // Nobody waits for its end: the process is reaped when it has ended.
            defer { context.router.endForked(child) }
            self = .success(try await run(child))
        } catch {
            if error.code == .cancelled, Task.isCancelled { throw error }
            self = .failure(
                Failure(
                    error: ConnectionFailure(error),
                    remoteType: error.remote?.typeName,
                    remoteMessage: error.remote?.message,
                    remoteTraceback: error.remote?.traceback,
                    remoteValue: error.remote?.value,
                    remoteTypeIdentifier: error.remote?.typeIdentifier
                )
            )
        }
    }

    func get(from context: Context) throws(MitogenError) -> Output {
        let failure: Failure
        switch self {
        case .success(let output): return output
        case .failure(let known): failure = known
        }
        let error = failure.error.error(via: context.name)
        let remote = failure.remoteType.map { type in
            RemoteFailure(
                typeName: type,
                message: failure.remoteMessage ?? "",
                traceback: failure.remoteTraceback,
                value: failure.remoteValue,
                typeIdentifier: failure.remoteTypeIdentifier
            )
        }
        throw MitogenError(
            error.code,
            error.message,
            context: error.context,
            remote: remote,
            diagnostics: error.diagnostics,
            hint: error.advice,
            connection: error.connection
        )
    }
}

extension Router {
    /// How long a forked process may take to end when it is told to: its own shutdown is bounded by 3 s.
    private static let endingTime = Duration.seconds(4)

    /// Ends a context that was forked here, also if it stands still.
    fileprivate func endForked(_ child: Context) {
        _ = try? child.send(Message(handle: StandardHandle.shutdown))
        let found = core.withLock { core -> (Stream, ChildProcess)? in
            guard let link = core.state.table.link(for: child.id), let stream = core.streams[link],
                stream.remoteID == child.id, let process = core.children[link]
            else { return nil }
            return (stream, process)
        }
        guard let (stream, process) = found else { return }
        // A process whose stream has ended is ended by signals, if it does not end by itself.
        let timer = broker.schedule(after: Self.endingTime) {
            stream.close(reason: "the process of an isolated call did not end when it was told to")
        }
        process.process.whenEnded { _ in timer.cancel() }
    }
}

/// Runs a function in a process that is forked for it.
struct IsolatedCall<F: RemoteFunction>: RemoteFunction, WrappedFunction where F.Output: Codable {
    var request: ConnectionRequest
    var function: F

    static var wrapped: Any.Type { F.self }

    func run(in context: ExternalContext) async throws -> IsolatedAnswer<F.Output> {
        try await IsolatedAnswer(request, in: context) { (child) throws(MitogenError) in try await child.call(function)
        }
    }
}

/// The same for a function without result.
struct IsolatedVoidCall<F: RemoteFunction>: RemoteFunction, WrappedFunction where F.Output == Void {
    var request: ConnectionRequest
    var function: F

    static var wrapped: Any.Type { F.self }

    func run(in context: ExternalContext) async throws -> IsolatedAnswer<Bool> {
        try await IsolatedAnswer(request, in: context) { (child) throws(MitogenError) in
            try await child.call(function)
            return true
        }
    }
}
