import InMemoryTracing
import Mitogen
import Tracing

/// What is known of a span that has ended, in a form that travels.
struct SpanRecord: Codable, Sendable {
    var trace: String
    var id: String
    var parent: String?
    var text: String

    init(_ span: FinishedInMemorySpan) {
        trace = span.traceID
        id = span.spanID
        parent = span.parentSpanID
        text = "\(span.operationName) (\(span.kind))"
        if case .string(let code)? = span.attributes.get("error.type") { text += ": \(code)" }
    }
}

/// The spans of a process, and some of its metrics.
struct Report: Codable, Sendable {
    var spans: [SpanRecord]
    var metrics: [String: Double]
}

/// Asks a context for what it has seen.
struct Collect: RemoteFunction {
    var metrics: [String]

    func run(in context: ExternalContext) async throws -> Report {
        // Its own span is still open, and so is not one of them.
        report()
    }

    func report() -> Report {
        let metrics = metrics.map { ($0, MemoryMetrics.shared[$0]) }
        return Report(
            spans: tracer.finishedSpans.filter { $0.operationName != "observability.Collect" }.map(SpanRecord.init),
            metrics: Dictionary(uniqueKeysWithValues: metrics)
        )
    }
}

/// The spans of all processes, as a tree of lines.
func lines(of spans: [(context: String, span: SpanRecord)]) -> [String] {
    let known = Set(spans.map(\.span.id))
    // A parent that nobody has seen is as good as none.
    let children = Dictionary(grouping: spans) { span in span.span.parent.flatMap { known.contains($0) ? $0 : nil } }
    func lines(below parent: String?, _ indentation: String) -> [String] {
        let spans = (children[parent] ?? []).sorted { ($0.span.text, $0.context) < ($1.span.text, $1.context) }
        return spans.flatMap { span in
            ["\(indentation)\(span.context): \(span.span.text)"] + lines(below: span.span.id, indentation + "  ")
        }
    }
    return lines(below: nil, "")
}
