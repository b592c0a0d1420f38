//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol
import Testing

@Suite
struct ChainTableTests {
    private final class Call: Sendable {
        let number: Int

        init(_ number: Int) {
            self.number = number
        }
    }

    private let key = ChainKey(source: 1, id: "a")

    /// The next turn as text: `+7` runs, `-7 text` fails.
    private func next(_ table: inout ChainTable, _ key: ChainKey? = nil) -> String? {
        switch table.next(of: key ?? self.key) {
        case .run(let call as Call): "+\(call.number)"
        case .fail(let call as Call, let failure): "-\(call.number) \(failure.message)"
        case nil: nil
        default: "something else"
        }
    }

    @Test("One call runs at a time, in the order in which they came")
    func order() {
        var table = ChainTable()
        for number in 0..<100 { table.add(Call(number), to: key) }
        for number in 0..<200 {
            #expect(next(&table) == "+\(number)")
            #expect(next(&table) == nil)
            table.add(Call(100 + number), to: key)
            table.end(of: key, failure: nil)
        }
        #expect(table.count == 1)
        for _ in 200..<300 {
            _ = next(&table)
            table.end(of: key, failure: nil)
        }
        #expect(next(&table) == nil)
        #expect(table.count == 0)
    }

    @Test("A failure is for those that come later, up to a reset that comes later")
    func failure() {
        var table = ChainTable()
        for number in 0..<3 { table.add(Call(number), to: key) }
        #expect(next(&table) == "+0")
        table.reset(key)
        table.add(Call(3), to: key)
        table.end(of: key, failure: RemoteFailure(typeName: "", message: "sad"))
        #expect(next(&table) == "-1 sad")
        #expect(next(&table) == "-2 sad")
        #expect(next(&table) == "+3")
        #expect(next(&table) == nil)
        table.end(of: key, failure: RemoteFailure(typeName: "", message: "bad"))
        #expect(table.count == 1)
        table.add(Call(4), to: key)
        #expect(next(&table) == "-4 bad")
        table.reset(key)
        #expect(next(&table) == nil)
        #expect(table.count == 0)
    }

    @Test("Chains of the same name belong to different callers")
    func sources() {
        var table = ChainTable()
        let other = ChainKey(source: 2, id: "a")
        table.add(Call(1), to: key)
        table.add(Call(2), to: other)
        #expect(next(&table) == "+1")
        table.end(of: key, failure: RemoteFailure(typeName: "", message: "bad"))
        #expect(next(&table, other) == "+2")
        table.add(Call(3), to: key)
        table.removeAll(from: 1)
        #expect(next(&table) == nil)
        #expect(table.count == 1)
        table.removeAll(from: 2)
        #expect(table.count == 0)
        table.end(of: other, failure: RemoteFailure(typeName: "", message: "late"))
        #expect(table.count == 0)
    }

    @Test("Resetting what has not failed, or is not known, changes nothing")
    func idleReset() {
        var table = ChainTable()
        table.reset(key)
        #expect(table.count == 0)
        table.add(Call(1), to: key)
        table.reset(key)
        #expect(next(&table) == "+1")
        table.end(of: key, failure: nil)
        #expect(next(&table) == nil)
        #expect(table.count == 0)
    }

    @Test("Who has too many failed chains begins no new one; others do")
    func limit() {
        var table = ChainTable()
        let limit = ChainTable.failureLimit
        func key(_ number: Int) -> ChainKey { ChainKey(source: 1, id: "\(number)") }
        for number in 0..<limit {
            table.add(Call(number), to: key(number))
            #expect(next(&table, key(number)) == "+\(number)")
            table.end(of: key(number), failure: RemoteFailure(typeName: "", message: "bad"))
        }
        table.add(Call(-1), to: key(-1))
        #expect(next(&table, key(-1))?.hasPrefix("--1 \(limit) chains") == true)
        table.add(Call(5), to: ChainKey(source: 2, id: "x"))
        #expect(next(&table, ChainKey(source: 2, id: "x")) == "+5")
        table.reset(key(7))
        #expect(next(&table, key(7)) == nil)
        table.add(Call(6), to: key(-1))
        #expect(next(&table, key(-1)) == "+6")
        table.removeAll(from: 1)
        table.add(Call(8), to: key(8))
        #expect(next(&table, key(8)) == "+8")
    }

    @Test("Nothing gets its turn when the context ends")
    func close() {
        var table = ChainTable()
        table.add(Call(1), to: key)
        #expect(next(&table) == "+1")
        table.add(Call(2), to: key)
        table.close()
        table.end(of: key, failure: nil)
        table.add(Call(3), to: key)
        table.reset(key)
        #expect(next(&table) == nil)
        #expect(table.count == 0)
    }
}
