//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol
internal import Synchronization

/// How long an attempt may still take, for the caller that waits for it behind another context.
final class ConnectionClock: Sendable {
    private let deadline = Mutex<ContinuousClock.Instant?>(nil)

    func restart(until deadline: ContinuousClock.Instant) {
        self.deadline.withLock { $0 = deadline }
    }

    /// Nil while the attempt waits for its turn, which does not count as its time.
    var timeLeft: Duration? { deadline.withLock { $0.map { ContinuousClock.now.duration(to: $0) } } }
}

/// An attempt that goes on here for a caller elsewhere.
struct ProxiedAttempt: Hashable {
    let caller: ContextID
    let number: UInt32
}

/// Asks a context how long an attempt may still take that it makes for the caller.
struct ProxiedTimeLeft: RemoteFunction {
    var number: UInt32

    static var runsOnBroker: Bool { true }

    enum Output: Codable, Sendable {
        /// It has ended, or was never begun.
        case over
        case seconds(Double)
        /// It waits for its turn.
        case notCounted
    }

    func run(in context: ExternalContext) async throws -> Output {
        let attempt = ProxiedAttempt(caller: context.caller.id, number: number)
        guard let clock = context.router.proxiedAttempts.withLock({ $0[attempt] }) else { return .over }
        return clock.timeLeft.map { .seconds(max(0, $0 / .seconds(1))) } ?? .notCounted
    }
}

/// Tells a context that nobody takes what an attempt has made that it has made for the caller: the caller has given the
/// attempt up while the answer was on its way.
struct ProxiedAttemptGivenUp: RemoteFunction {
    var number: UInt32

    static var runsOnBroker: Bool { true }

    func run(in context: ExternalContext) async throws {
        context.router.endContext(madeBy: ProxiedAttempt(caller: context.caller.id, number: number))
    }
}

extension Router {
    /// How long the answer of an attempt may be on its way.
    private static let answerTime = Duration.milliseconds(250)
    /// How long a context may take to say that it is there.
    private static let livenessTime = Duration.seconds(1)

    /// Has another context make a connection, and watches the time here: a context that stands still ends no wait.
    ///
    /// - Parameter limit: How long the attempt may take. The time that it waits there for its turn does not count, as long
    ///   as that context says so.
    func proxy(
        _ request: ConnectionRequest,
        by via: Context,
        within limit: Duration
    ) async throws(MitogenError) -> ProxyConnect.Output {
        let number = transferCount.wrappingAdd(1, ordering: .relaxed).newValue
        let function = ProxyConnect(request: request, number: number, remainingSeconds: limit / .seconds(1))
        let call = try via.startCall(function)
        do throws(MitogenError) {
            var patience = limit + Self.answerTime
            while true {
                if let answer = try await answer(of: call, within: patience) { return answer }
                let left = await timeLeft(of: number, by: via, within: limit)
                if let left, left > .zero {
                    patience = left + Self.answerTime
                    continue
                }
                // It is over there, and what has come of it is on its way; or it came before the answer to the question.
                if let answer = try await answer(of: call, within: left == nil ? .zero : Self.livenessTime) {
                    return answer
                }
                throw MitogenError(
                    .timeoutError,
                    "connecting took longer than \(limit), and \(via.name), which makes the connection, does not "
                        + "say what it waits for",
                    context: via.name,
                    hint:
                        "look whether that context, or the way to it, stands still; allow more time with "
                        + "\(.connectTimeout)"
                )
            }
        } catch {
            // After the cancellation, which ends an attempt that still goes on.
            call.cancel()
            try? via.callNoReply(ProxiedAttemptGivenUp(number: number))
            throw error
        }
    }

    /// The answer, if it comes in that time.
    private func answer(
        of call: PendingCall<ProxyConnect.Output>,
        within limit: Duration
    ) async throws(MitogenError) -> ProxyConnect.Output? {
        do throws(MitogenError) {
            return try await call.get(timeout: limit)
        } catch {
            // It may have come at that moment.
            if call.call.pending.outcome != nil { return try await call.get() }
            guard error.code == .timeoutError else { throw error }
            return nil
        }
    }

    /// How much more time the attempt has, zero if it is over; nil if the context does not answer.
    private func timeLeft(of number: UInt32, by via: Context, within limit: Duration) async -> Duration? {
        let answer = try? await via.call(ProxiedTimeLeft(number: number), timeout: Self.livenessTime)
        switch answer {
        case .seconds(let seconds): return Duration(checkedSeconds: max(0, seconds))
        case .notCounted: return limit
        case .over: return .zero
        case nil: return nil
        }
    }
}
