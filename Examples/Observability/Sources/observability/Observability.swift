import CoreMetrics
import InMemoryTracing
import Mitogen
import MitogenProtocol
import MitogenServices
import ServiceLifecycle
import Tracing

/// Every process has its own. Numbers alone, as the tracer would choose them, would be those of other processes, too.
let tracer = InMemoryTracer(idGenerator: .init(nextTraceID: newID, nextSpanID: newID))

@Sendable private func newID() -> String {
    String(UInt64.random(in: .min ... .max), radix: 16)
}

/// Asks the context below for each word's length, so that a call makes calls.
struct CountLetters: RemoteFunction {
    var words: [String]
    var below: Context

    func run(in context: ExternalContext) async throws -> Int {
        var count = 0
        try await below.withCallChain(isPipelined: true) { chain in
            for word in words { count += try await chain.call(Measure(word: word)) }
        }
        try await withSpan("check") { span in
            for try await word in below.stream(Spell(word: "one")) { count += word.utf8.count }
            count += try await below.callService(Tally.Add(number: 100))
        }
        do {
            try await below.call(Refuse())
        } catch {
            count += 1000
        }
        return count
    }
}

struct Measure: RemoteFunction {
    var word: String

    func run(in context: ExternalContext) async throws -> Int {
        word.utf8.count
    }
}

struct Spell: RemoteStream {
    var word: String

    func run(in context: ExternalContext, yield: StreamWriter<String>) async throws {
        for letter in word { try await yield(String(letter)) }
    }
}

struct Refuse: RemoteFunction {
    struct Refusal: Error {}

    func run(in context: ExternalContext) async throws {
        throw Refusal()
    }
}

/// With ServiceLifecycle imported as well, a service of Mitogen's is one of its module.
final class Tally: ActivatableService {
    static let name = "tally"
    static let methods: [any ServiceMethod.Type] = [Add.self]

    init(router: Router) async throws {}

    struct Add: ServiceMethod {
        typealias Host = Tally
        static let name = "add"
        var number: Int

        func run(in service: Tally, for request: ServiceRequest) async throws -> Int {
            number
        }
    }
}

/// What the program does, beside the router, as long as its group lets it.
struct Job: ServiceLifecycle.Service {
    let router: Router

    func run() async throws {
        let (child, grandchild) = try await withSpan("job") { span in
            let child = try await router.local { $0.name = "child" }
            let grandchild = try await router.local(via: child) { $0.name = "grandchild" }
            try await grandchild.prepareService(Tally.self)
            print("counted", try await child.call(CountLetters(words: ["two", "three"], below: grandchild)))
            return (child, grandchild)
        }

        let collect = Collect(metrics: Self.metrics + Self.traffic)
        var reports: [(name: String, report: Report)] = []
        for context in [child, grandchild] {
            reports.append((context.name, try await context.call(collect)))
        }
        reports.insert(("master", collect.report()), at: 0)
        Self.show(reports)
    }

    private static let metrics = [
        "mitogen.calls.sent function=observability.Measure",
        "mitogen.calls.sent.duration function=observability.Measure",
        "mitogen.calls.sent.errors code=callError",
        "mitogen.calls.received function=observability.Measure",
        "mitogen.calls.received.duration function=observability.Measure",
        "mitogen.calls.received.errors code=callError",
        "mitogen.connections.attempts method=local",
        "mitogen.connections.duration method=local",
        "mitogen.contexts.connected",
    ]

    /// These differ from run to run.
    private static let traffic = ["frames", "bytes"].flatMap { unit in
        ["sent", "received"].map { "mitogen.stream.\(unit) direction=\($0)" }
    }

    private static func show(_ reports: [(name: String, report: Report)]) {
        let spans = reports.flatMap { report in report.report.spans.map { (report.name, $0) } }
        print("\(spans.count) spans, traces: \(Set(spans.map(\.1.trace)).count)")
        for line in lines(of: spans) { print(line) }
        for (name, report) in reports {
            for metric in metrics {
                if let value = report.metrics[metric], value != 0 { print("\(name): \(metric): \(Int(value))") }
            }
            let isCounted = traffic.allSatisfy { (report.metrics[$0] ?? 0) > 0 }
            print("\(name): mitogen.stream is counted: \(isCounted)")
        }
    }
}

@main
struct Observability: MitogenProgram {
    static func bootstrapObservability() {
        MetricsSystem.bootstrap(MemoryMetrics.shared)
        InstrumentationSystem.bootstrap(tracer)
    }

    static func main(router: Router) async throws {
        let group = ServiceGroup(
            configuration: .init(
                services: [
                    .init(service: router),
                    .init(service: Job(router: router), successTerminationBehavior: .gracefullyShutdownGroup),
                ],
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: .init(label: "observability")
            )
        )
        try await group.run()
        print("contexts that are left: \(Int(MemoryMetrics.shared["mitogen.contexts.connected"]))")
    }
}
