//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

#if Metrics
    internal import CoreMetrics
    internal import Synchronization

    /// What a router counts and times for swift-metrics.
    ///
    /// Its instruments come from the factory that is in force when the router is made.
    final class RouterMetrics: Sendable {
        private let factory = MetricsSystem.factory
        private let droppedMessages: Counter
        private let refusedMessages: Counter
        private let sentFrames: Counter
        private let sentBytes: Counter
        private let receivedFrames: Counter
        private let receivedBytes: Counter
        private let connected: Meter
        /// How many contexts are connected, to take them back from the meter, which all routers share.
        private let connectedCount = Atomic<Int>(0)
        private let sentCalls: CallInstruments
        private let receivedCalls: CallInstruments
        private let attempts: LabelledInstruments<ConnectionInstruments>
        private let connectionFailures: LabelledInstruments<Counter>

        private struct ConnectionInstruments: Sendable {
            let attempts: Counter
            let duration: CoreMetrics.Timer
        }

        init() {
            let factory = self.factory
            @Sendable func counter(_ label: String, _ dimensions: [(String, String)] = []) -> Counter {
                Counter(label: label, dimensions: dimensions, factory: factory)
            }
            droppedMessages = counter("mitogen.messages.dropped")
            refusedMessages = counter("mitogen.messages.refused")
            sentFrames = counter("mitogen.stream.frames", [("direction", "sent")])
            sentBytes = counter("mitogen.stream.bytes", [("direction", "sent")])
            receivedFrames = counter("mitogen.stream.frames", [("direction", "received")])
            receivedBytes = counter("mitogen.stream.bytes", [("direction", "received")])
            connected = Meter(label: "mitogen.contexts.connected", factory: factory)
            sentCalls = CallInstruments("mitogen.calls.sent", factory)
            receivedCalls = CallInstruments("mitogen.calls.received", factory)
            attempts = LabelledInstruments { method in
                ConnectionInstruments(
                    attempts: counter("mitogen.connections.attempts", [("method", method)]),
                    duration: CoreMetrics.Timer(
                        label: "mitogen.connections.duration",
                        dimensions: [("method", method)],
                        factory: factory
                    )
                )
            }
            connectionFailures = LabelledInstruments { code in
                counter("mitogen.connections.errors", [("code", code)])
            }
        }

        deinit {
            let count = connectedCount.load(ordering: .relaxed)
            if count > 0 { connected.decrement(by: Double(count)) }
        }

        // MARK: Messages

        func frameSent(_ message: borrowing Message) {
            sentFrames.increment()
            sentBytes.increment(by: MessageHeader.size + message.data.count)
        }

        func frameReceived(_ message: borrowing Message) {
            receivedFrames.increment()
            receivedBytes.increment(by: MessageHeader.size + message.data.count)
        }

        func messageDropped() {
            droppedMessages.increment()
        }

        func messageRefused() {
            refusedMessages.increment()
        }

        // MARK: Calls

        /// A call without an answer is sent.
        func callSent(_ function: String) {
            sentCalls.begin(function)
        }

        /// A call is sent.
        func follow(_ pending: PendingReply, callOf function: String, since start: Int64) {
            sentCalls.begin(function)
            pending.whenResolved { [sentCalls] outcome in
                sentCalls.end(function, since: start, failure: CallFailure(outcome))
            }
        }

        /// What was called here has ended.
        ///
        /// - Parameter isKnown: Whether the name is one of this program, and not only what the caller says.
        func functionDidEnd(_ function: String, isKnown: Bool, since start: Int64, failure: CallFailure?) {
            let function = isKnown ? function : LabelledInstruments<Counter>.other
            receivedCalls.begin(function)
            receivedCalls.end(function, since: start, failure: failure)
        }

        /// A call has come that cannot be run.
        func callRefused(_ error: any Error) {
            receivedCalls.fail(CallFailure(error))
        }

        // MARK: Connections

        func follow(_ result: OneShot<Context>, of request: ConnectionRequest) {
            let start = monotonicNanoseconds()
            let instruments = attempts[request.methodName]
            instruments.attempts.increment()
            result.whenResolved { [connectionFailures] outcome in
                switch outcome {
                case .success: instruments.duration.recordNanoseconds(monotonicNanoseconds() - start)
                case .failure(let error): connectionFailures[error.code.description].increment()
                }
            }
        }

        func contextConnected() {
            connectedCount.wrappingAdd(1, ordering: .relaxed)
            connected.increment()
        }

        func contextDisconnected() {
            connectedCount.wrappingSubtract(1, ordering: .relaxed)
            connected.decrement()
        }
    }
#endif
