//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

#if Tracing
    internal import Synchronization
    internal import Tracing

    /// The span of a call that is made here. What instruments want to have carried to the callee is put into the call.
    ///
    /// It ends with the answer, or whatever else ends the wait for it; if the call is never sent, when nobody has it
    /// any more.
    final class CallTrace: Sendable {
        private let span: any Tracing.Span
        private let destination: Context
        private let hasEnded = Atomic<Bool>(false)

        init(of function: @autoclosure () -> String, to destination: Context) {
            self.destination = destination
            span = InstrumentationSystem.tracer.startSpan(function(), ofKind: .client)
            guard span.isRecording else { return }
            span.attributes.merge([
                "rpc.system": "mitogen",
                "rpc.method": .string(span.operationName),
                "mitogen.context.id": .int64(Int64(destination.id)),
                "mitogen.context.name": .string(destination.name),
            ])
        }

        deinit {
            end(CallFailure(MitogenError(.misuse, "the call was not sent, or nobody waits for it any more")))
        }

        // MARK: What travels

        private var fields: TraceFields {
            var fields = TraceFields()
            InstrumentationSystem.instrument.inject(span.context, into: &fields, using: TraceFieldsInjector())
            return fields
        }

        func inject(into options: inout CallOptions) {
            options.trace = fields
        }

        /// The same for a request that is no call, if its destination knows to read it.
        func inject(into request: inout [UInt8]) {
            guard destination.peer?.has(PeerInfo.callOptions) == true else { return }
            TraceTrailer.append(fields, to: &request)
        }

        // MARK: The end

        /// The call is on its way.
        func follow(_ pending: PendingReply) {
            pending.whenResolved { [self] outcome in end(CallFailure(outcome)) }
        }

        /// The call is on its way, and nobody waits for an answer.
        func endUnanswered() {
            end(nil)
        }

        private func end(_ failure: CallFailure?) {
            guard !hasEnded.exchange(true, ordering: .relaxed) else { return }
            if let failure { span.fail(failure) }
            span.end()
        }
    }

    extension Tracing.Span {
        func fail(_ failure: CallFailure) {
            attributes["error.type"] = failure.code
            setStatus(SpanStatus(code: .error, message: failure.message))
        }
    }

    private struct TraceFieldsInjector: Injector {
        func inject(_ value: String, forKey key: String, into carrier: inout TraceFields) {
            carrier.set(value, for: key)
        }
    }
#else
    /// The span of a call that is made here: nothing, without the trait.
    struct CallTrace: Sendable {
        init(of function: @autoclosure () -> String, to destination: Context) {}

        func inject(into options: inout CallOptions) {}
        func inject(into request: inout [UInt8]) {}
        func follow(_ pending: PendingReply) {}
        func endUnanswered() {}
    }
#endif
