//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

#if Tracing || Metrics
    #if Tracing
        internal import Tracing
    #endif

    extension Router {
        /// Runs what another context has called here, and takes note of it.
        ///
        /// - Parameters:
        ///   - function: Its name.
        ///   - isKnown: Whether the name is one of this program, and not only what the caller says.
        ///   - trace: What the caller's instruments have sent along.
        func observing<Result>(
            _ function: String,
            isKnown: Bool,
            from caller: ContextID,
            trace: ReceivedTrace,
            _ body: () async throws -> Result
        ) async throws -> Result {
            #if Metrics
                let start = monotonicNanoseconds()
            #endif
            do {
                let result = try await trace.withSpan(of: function, from: caller, in: contextID, body)
                #if Metrics
                    metrics.functionDidEnd(function, isKnown: true, since: start, failure: nil)
                #endif
                return result
            } catch {
                #if Metrics
                    metrics.functionDidEnd(function, isKnown: isKnown, since: start, failure: CallFailure(error))
                #endif
                throw error
            }
        }
    }
#endif

#if Tracing
    /// What has come with a call about the trace that it belongs to.
    struct ReceivedTrace: Sendable {
        private let fields: TraceFields

        init(_ options: CallOptions) {
            fields = options.trace
        }

        /// What is behind a request that is no call.
        init(behind data: [UInt8]) {
            fields = TraceTrailer.fields(in: data)
        }

        /// Runs `body` in a span, which continues the caller's.
        func withSpan<Result>(
            of function: String,
            from caller: ContextID,
            in context: ContextID,
            _ body: () async throws -> Result
        ) async throws -> Result {
            var parent = InstrumentationContext.topLevel
            InstrumentationSystem.instrument.extract(fields, into: &parent, using: TraceFieldsExtractor())
            // The name may be the caller's word.
            let name = String(function.prefix(200))
            let span = InstrumentationSystem.tracer.startSpan(name, context: parent, ofKind: .server)
            span.attributes.merge([
                "rpc.system": "mitogen",
                "rpc.method": .string(name),
                "mitogen.context.id": .int64(Int64(context)),
                "mitogen.caller.id": .int64(Int64(caller)),
            ])
            defer { span.end() }
            do {
                return try await InstrumentationContext.$current.withValue(span.context) { try await body() }
            } catch {
                span.recordError(error)
                span.fail(CallFailure(error))
                throw error
            }
        }
    }

    private struct TraceFieldsExtractor: Extractor {
        func extract(key: String, from carrier: TraceFields) -> String? {
            carrier[key]
        }
    }
#elseif Metrics
    /// What has come with a call about the trace that it belongs to: nothing, without the trait.
    struct ReceivedTrace: Sendable {
        init(_ options: CallOptions) {}
        init(behind data: [UInt8]) {}

        func withSpan<Result>(
            of function: String,
            from caller: ContextID,
            in context: ContextID,
            _ body: () async throws -> Result
        ) async throws -> Result {
            try await body()
        }
    }
#endif
