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
        case begin, attach, end, cancel, timeOut, cancelAll, close
    }

    /// What one call's steps must bring about.
    private struct Model {
        var isKnown = false
        var isAttached = false
        var isTimedOut = false
        var isClosed = false

        /// Whether the step succeeds, or how many tasks it gives back to cancel.
        mutating func apply(_ step: Step) -> Int {
            switch step {
            case .begin:
                guard !isClosed, !isKnown else { return 0 }
                isKnown = true
                return 1
            case .attach:
                guard isKnown, !isAttached, !isTimedOut else { return 0 }
                isAttached = true
                return 1
            case .timeOut:
                guard isKnown else { return 0 }
                defer {
                    isTimedOut = true
                    isAttached = false
                }
                return isAttached ? 1 : 0
            case .end, .cancel, .cancelAll, .close:
                if step == .close { isClosed = true }
                defer {
                    isKnown = false
                    isAttached = false
                    isTimedOut = false
                }
                if step == .end { return isTimedOut ? 2 : isKnown ? 1 : 0 }
                return isAttached ? 1 : 0
            }
        }
    }

    private let id = CallID(source: 1, replyTo: 1000)
    private let endings = [CallTable.Ending.givenUp, .wanted, .timedOut(isAwaited: true)]

    private func apply(_ step: Step, to table: inout CallTable) -> Int {
        switch step {
        case .begin: table.begin(id) ? 1 : 0
        case .attach: table.attach({}, to: id) ? 1 : 0
        case .end: endings.firstIndex(of: table.end(id)) ?? -1
        case .timeOut: table.timeOut(id, isAwaited: true) == nil ? 0 : 1
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
        #expect(table.end(id) == .givenUp)
    }

    @Test("A call that ended before its task was known is over")
    func endedFirst() {
        var table = CallTable()
        #expect(table.begin(id) == true)
        #expect(table.end(id) == .wanted)
        #expect(table.attach({}, to: id) == false)
        #expect(table.cancel(id) == nil)
        #expect(table.begin(id) == true)
    }

    @Test("A call that waits for its turn is wanted until it is given up or takes too long")
    func waiting() {
        var table = CallTable()
        #expect(!table.isWanted(id))
        #expect(table.begin(id) == true)
        #expect(table.isWanted(id))
        #expect(table.timeOut(id, isAwaited: true) == nil)
        #expect(!table.isWanted(id))
        #expect(table.begin(id) == false)
        #expect(table.end(id) == .timedOut(isAwaited: true))
        #expect(table.begin(id) == true)
        #expect(table.cancel(id) == nil)
        #expect(!table.isWanted(id))
    }

    @Test("The answer to a call that takes too long is not awaited once the caller has said so", arguments: [0, 1, 2])
    func awaited(callerIs position: Int) {
        var table = CallTable()
        #expect(table.begin(id) == true)
        #expect(table.attach({}, to: id) == true)
        #expect(table.timeOut(id, isAwaited: position != 0) != nil)
        #expect(table.timeOut(id, isAwaited: position != 1) == nil)
        #expect(table.end(id) == .timedOut(isAwaited: position == 2))
        #expect(table.end(id) == .givenUp)
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
