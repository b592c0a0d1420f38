//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenPickle
internal import MitogenProtocol

/// A function that runs in another context, and whose result is still to come.
public final class PendingCall<Output: Sendable>: Sendable {
    let call: RunningCall
    let decode: @Sendable (CallReply) throws(MitogenError) -> Output

    package init(call: RunningCall, decode: @escaping @Sendable (CallReply) throws(MitogenError) -> Output) {
        self.call = call
        self.decode = decode
    }

    /// The context that the function runs in.
    public var context: Context { call.context }

    /// Waits for the result. It can be asked for any number of times.
    ///
    /// - Parameters:
    ///   - timeout: How long to wait at most; for ever by default. The function goes on after that, unless the call
    ///     itself was given a limit when it was started.
    /// - Throws: ``MitogenError`` as ``Context/call(_:timeout:)->_``. Cancelling the waiting task ends this wait
    ///   only; the function goes on, until ``cancel()``.
    public func get(timeout: Duration? = nil) async throws(MitogenError) -> Output {
        try decode(await call.waitOnly(timeout: timeout))
    }

    /// Gives the call up: every wait for it ends with `.cancelled`, and the function is cancelled.
    public func cancel() {
        call.cancel(because: MitogenError(.cancelled, "the call was cancelled"))
    }
}

/// A call on its way.
package struct RunningCall: Sendable {
    let pending: PendingReply
    let handle: Handle
    let context: Context
    let router: Router
    let functionName: String
    /// Whether nothing was known of the callee, which is so of Python contexts.
    var mayBePython = false

    /// Waits for the answer; when the time is over, or the calling task is cancelled, the call is given up.
    func reply(timeout: Duration?) async throws(MitogenError) -> CallReply {
        let timer = timeout.map { giveUp(after: $0) }
        defer { timer?.cancel() }
        let message = try await pending.value { cancel(because: .cancelledCaller) }
        return CallReply(message: message, call: self)
    }

    /// Gives the call up when the time is over, unless the timer is cancelled before.
    func giveUp(after timeout: Duration) -> Timer {
        router.broker.schedule(after: timeout) {
            let error = MitogenError(.timeoutError, "\(functionName) has not returned within \(timeout)")
            cancel(because: error.inContext(context.name))
        }
    }

    /// The same call, which is given up when the time is over.
    func bounded(by timeout: Duration?) -> RunningCall {
        guard let timeout else { return self }
        let timer = giveUp(after: timeout)
        pending.whenResolved { _ in timer.cancel() }
        return self
    }

    /// Waits for the answer; the call goes on whatever becomes of the wait.
    func waitOnly(timeout: Duration?) async throws(MitogenError) -> CallReply {
        let what = "\(functionName) has not returned"
        let message = try await pending.value(within: timeout, on: router.broker, what)
        return CallReply(message: message, call: self)
    }

    func cancel(because error: MitogenError) {
        guard pending.resolve(.failure(error)) else { return }
        router.abandon(handle, of: context.id, isTimeout: error.code == .timeoutError)
    }
}

/// The answer to a call.
package struct CallReply: Sendable {
    let message: Message
    let call: RunningCall

    package func output<Output: Decodable>() throws(MitogenError) -> Output {
        let value = try value()
        do {
            return try call.router.decode(Output.self, from: value, sentBy: call.context)
        } catch {
            throw failure(.streamError, "the result of \(call.functionName) is not a \(Output.self): \(error)")
        }
    }

    package func success() throws(MitogenError) {
        _ = try value()
    }

    func value() throws(MitogenError) -> PickleValue {
        if message.isDead {
            throw MitogenError(
                dead: message,
                to: call.functionName,
                localID: call.router.contextID,
                context: call.context.name,
                hint: endHint
            )
        }
        let value = try message.rawValue(localID: .max)
        guard case .callError(let text) = value else { return value }
        throw remoteError(RemoteFailure(callErrorText: text, in: message.data))
    }

    /// Why a Python context may have ended itself.
    private var endHint: Hint? {
        guard call.mayBePython, DeadReason.mayBeOwnEnd(message.deadReason(localID: .max)) else { return nil }
        return
            "a Python context ends if a function exits, or returns what cannot be pickled, such as a lock or a function"
    }

    /// An error of this library keeps its code, so that it can be told apart wherever it happened.
    private func remoteError(_ remote: RemoteFailure) -> MitogenError {
        guard let code = remote.libraryCode else { return remote.error.inContext(call.context.name) }
        // The callee knows no more than the name that it was sent, which is not for people.
        let isUnknown = code == .unknownFunction
        return MitogenError(
            code,
            isUnknown ? "\(call.functionName): \(remote.message)" : remote.message,
            context: call.context.name,
            remote: remote,
            hint: isUnknown ? "both sides must be the same program, or share the library that the function is in" : nil
        )
    }

    private func failure(_ code: MitogenError.Code, _ text: String) -> MitogenError {
        MitogenError(code, text, context: call.context.name)
    }
}

extension RemoteFailure {
    /// The code of an error of this library; nil if it is another error.
    var libraryCode: MitogenError.Code? {
        let prefix = "Mitogen.MitogenError."
        return typeName.hasPrefix(prefix) ? MitogenError.Code(String(typeName.dropFirst(prefix.count))) : nil
    }
}
