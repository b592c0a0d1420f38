//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

#if Metrics
    internal import CoreMetrics
    internal import Synchronization

    /// Instruments that differ in one dimension, made when they are first needed.
    ///
    /// Every value of a dimension costs memory here and in whatever stores the metrics, so there is a limit: what comes
    /// later is counted as `other`.
    final class LabelledInstruments<Instruments: Sendable>: Sendable {
        static var other: String { "other" }

        private let limit: Int
        private let make: @Sendable (String) -> Instruments
        private let made = Mutex<[String: Instruments]>([:])

        init(limit: Int = 100, _ make: @escaping @Sendable (String) -> Instruments) {
            self.limit = limit
            self.make = make
        }

        subscript(name: String) -> Instruments {
            made.withLock { made in
                if let known = made[name] { return known }
                let name = made.count < limit ? name : Self.other
                let instruments = made[name] ?? make(name)
                made[name] = instruments
                return instruments
            }
        }
    }

    /// How many calls there are and how long they take, by function, and how they fail, by code.
    final class CallInstruments: Sendable {
        private struct Instruments: Sendable {
            let calls: Counter
            let duration: CoreMetrics.Timer
        }

        private let functions: LabelledInstruments<Instruments>
        private let failures: LabelledInstruments<Counter>

        init(_ label: String, _ factory: any MetricsFactory) {
            functions = LabelledInstruments(limit: 200) { function in
                let dimensions = [("function", function)]
                return Instruments(
                    calls: Counter(label: label, dimensions: dimensions, factory: factory),
                    duration: CoreMetrics.Timer(label: "\(label).duration", dimensions: dimensions, factory: factory)
                )
            }
            failures = LabelledInstruments { code in
                Counter(label: "\(label).errors", dimensions: [("code", code)], factory: factory)
            }
        }

        func begin(_ function: String) {
            functions[function].calls.increment()
        }

        func end(_ function: String, since start: Int64, failure: CallFailure?) {
            functions[function].duration.recordNanoseconds(monotonicNanoseconds() - start)
            if let failure { fail(failure) }
        }

        func fail(_ failure: CallFailure) {
            failures[failure.code].increment()
        }
    }
#endif
