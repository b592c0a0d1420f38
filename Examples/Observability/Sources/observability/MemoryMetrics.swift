import CoreMetrics
import Synchronization

/// Keeps what is counted and timed in memory. A program would have a factory that passes it on.
final class MemoryMetrics: MetricsFactory {
    static let shared = MemoryMetrics()

    private let values = Mutex<[String: Double]>([:])

    /// What was added up of an instrument, whose name is followed by its dimensions.
    subscript(_ instrument: String) -> Double { values.withLock { $0[instrument] ?? 0 } }

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        Instrument(self, label, dimensions)
    }

    func makeFloatingPointCounter(
        label: String,
        dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        Instrument(self, label, dimensions)
    }

    func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        Instrument(self, label, dimensions)
    }

    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        Instrument(self, label, dimensions)
    }

    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        Instrument(self, label, dimensions)
    }

    func destroyCounter(_ handler: any CounterHandler) {}
    func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    func destroyMeter(_ handler: any MeterHandler) {}
    func destroyRecorder(_ handler: any RecorderHandler) {}
    func destroyTimer(_ handler: any TimerHandler) {}

    fileprivate func change(_ instrument: String, _ change: (inout Double) -> Void) {
        values.withLock { change(&$0[instrument, default: 0]) }
    }
}

/// All kinds in one; a timer counts how often something was timed.
private final class Instrument: CounterHandler, FloatingPointCounterHandler, MeterHandler, RecorderHandler,
    TimerHandler
{
    private let metrics: MemoryMetrics
    private let name: String

    init(_ metrics: MemoryMetrics, _ label: String, _ dimensions: [(String, String)]) {
        self.metrics = metrics
        name = ([label] + dimensions.map { "\($0.0)=\($0.1)" }).joined(separator: " ")
    }

    func increment(by amount: Int64) { metrics.change(name) { $0 += Double(amount) } }
    func increment(by amount: Double) { metrics.change(name) { $0 += amount } }
    func decrement(by amount: Double) { metrics.change(name) { $0 -= amount } }
    func set(_ value: Int64) { metrics.change(name) { $0 = Double(value) } }
    func set(_ value: Double) { metrics.change(name) { $0 = value } }
    func record(_ value: Int64) { metrics.change(name) { $0 = Double(value) } }
    func record(_ value: Double) { metrics.change(name) { $0 = value } }
    func recordNanoseconds(_ duration: Int64) { metrics.change(name) { $0 += 1 } }
    func reset() { metrics.change(name) { $0 = 0 } }
}
