//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol
import Synchronization
import Testing

@Suite
struct CallTableTests {
    enum Step: CaseIterable {
        case begin, attach, end, cancel, cancelAll, close
    }

    /// What one call's steps must bring about.
    private struct Model {
        var isKnown = false
        var isAttached = false
        var isClosed = false

        /// Whether the step succeeds, or how many tasks it gives back to cancel.
        mutating func apply(_ step: Step) -> Int {
            switch step {
            case .begin:
                guard !isClosed, !isKnown else { return 0 }
                isKnown = true
                return 1
            case .attach:
                guard isKnown, !isAttached else { return 0 }
                isAttached = true
                return 1
            case .end, .cancel, .cancelAll, .close:
                if step == .close { isClosed = true }
                defer {
                    isKnown = false
                    isAttached = false
                }
                return (step == .end ? isKnown : isAttached) ? 1 : 0
            }
        }
    }

    private let id = CallID(source: 1, replyTo: 1000)

    private func apply(_ step: Step, to table: inout CallTable) -> Int {
        switch step {
        case .begin: table.begin(id) ? 1 : 0
        case .attach: table.attach({}, to: id) ? 1 : 0
        case .end: table.end(id) ? 1 : 0
        case .cancel: table.cancel(id) == nil ? 0 : 1
        case .cancelAll: table.cancelAll(from: 1).count
        case .close: table.close().count
        }
    }

    @Test("Every order of six steps", arguments: Step.allCases)
    func interleavings(first: Step) throws {
        let steps = Step.allCases
        for number in 0..<steps.count * steps.count * steps.count * steps.count * steps.count {
            var table = CallTable()
            var model = Model()
            var rest = number
            var taken = [first]
            for _ in 0..<5 {
                taken.append(steps[rest % steps.count])
                rest /= steps.count
            }
            for step in taken {
                try #require(apply(step, to: &table) == model.apply(step), "\(taken)")
                try #require(table.count == (model.isKnown ? 1 : 0), "\(taken)")
            }
        }
    }

    @Test("A call that was cancelled before its task was known never gets one, and has no answer")
    func cancelledFirst() {
        var table = CallTable()
        #expect(table.begin(id) == true)
        #expect(table.cancel(id) == nil)
        #expect(table.attach({}, to: id) == false)
        #expect(table.end(id) == false)
    }

    @Test("A call that ended before its task was known is over")
    func endedFirst() {
        var table = CallTable()
        #expect(table.begin(id) == true)
        #expect(table.end(id) == true)
        #expect(table.attach({}, to: id) == false)
        #expect(table.cancel(id) == nil)
        #expect(table.begin(id) == true)
    }

    @Test("Only the calls of the context that is gone are cancelled")
    func sources() {
        let cancelled = Mutex<[String]>([])
        var table = CallTable()
        for source in ContextID(1)...3 {
            for handle in Handle(1000)...1002 {
                let id = CallID(source: source, replyTo: handle)
                #expect(table.begin(id) == true)
                let work: CallTable.Work = { cancelled.withLock { $0.append("\(source) \(handle)") } }
                if handle != 1002 { #expect(table.attach(work, to: id) == true) }
            }
        }
        for cancel in table.cancelAll(from: 2) { cancel() }
        #expect(cancelled.withLock { $0.sorted() } == ["2 1000", "2 1001"])
        #expect(table.count == 6)
        #expect(table.cancelAll(from: 9).isEmpty)
        #expect(table.close().count == 4)
        #expect(table.count == 0)
        #expect(table.begin(CallID(source: 1, replyTo: 2000)) == false)
    }
}
