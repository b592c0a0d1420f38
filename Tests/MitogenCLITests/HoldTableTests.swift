//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Testing

@testable import MitogenCLI

@Suite("What is held, and how long")
struct HoldTableTests {
    /// ssh:a, ssh:a+sudo and ssh:b, of which the last two were asked for.
    private static func table(limit: Int64? = 100) -> HoldTable {
        var table = HoldTable()
        for (path, target) in [([("a", "ssh:a"), ("as", "ssh:a+sudo")], "as"), ([("b", "ssh:b")], "b")] {
            table.begin(path.map { (key: $0.0, text: $0.1) }, at: 0)
            table.hold(target, for: limit, at: 10)
            table.end(path.map(\.0))
        }
        return table
    }

    @Test("What is not used for its time is closed, with the hops that only it needs")
    func expiry() {
        var table = Self.table()
        #expect(table.nextExpiry == 110)
        #expect(table.collect(at: 109).isEmpty)
        #expect(Set(table.collect(at: 110)) == ["a", "as", "b"])
        #expect(table.isEmpty && table.nextExpiry == nil)
    }

    @Test("What is used stays, and its time begins when the last user leaves")
    func use() {
        var table = Self.table()
        table.use(["a", "as", "unknown"], by: 7, at: 50)
        table.use(["as"], by: 8, at: 60)
        #expect(table.nextExpiry == 110)
        #expect(table.collect(at: 1000) == ["b"])
        table.leave(7, at: 1000)
        #expect(table.nextExpiry == nil && table.collect(at: 2000).isEmpty)
        table.leave(8, at: 2000)
        #expect(table.nextExpiry == 2100)
        #expect(Set(table.collect(at: 2100)) == ["a", "as"])
    }

    @Test("A hop that somebody uses outlives the target that it was made for")
    func hopInUse() {
        var table = Self.table()
        table.use(["a"], by: 7, at: 50)
        #expect(Set(table.collect(at: 1000)) == ["as", "b"])
        table.leave(7, at: 1000)
        #expect(table.collect(at: 1000) == ["a"])
    }

    @Test("Without a limit it is held for ever; holding it again sets the limit")
    func limits() {
        var table = Self.table(limit: nil)
        #expect(table.nextExpiry == nil && table.collect(at: .max).isEmpty)
        table.hold("b", for: .max, at: 20)
        #expect(table.nextExpiry == nil)
        table.hold("b", for: 5, at: 20)
        #expect(table.nextExpiry == 25)
        #expect(table.collect(at: 25) == ["b"])
    }

    @Test("What is being made is not closed, and what has failed is closed at the end")
    func pins() {
        var table = HoldTable()
        table.begin([("a", "ssh:a"), ("as", "ssh:a+sudo")], at: 0)
        table.begin([("a", "ssh:a"), ("at", "ssh:a+su")], at: 0)
        #expect(table.collect(at: 1000).isEmpty)
        table.end(["a", "as"])
        #expect(table.collect(at: 1000) == ["as"])
        table.hold("at", for: 10, at: 1000)
        table.end(["a", "at"])
        #expect(table.collect(at: 1000).isEmpty && table.nodes.count == 2)
    }

    @Test("Losses and renewals are noted")
    func history() {
        var table = Self.table()
        table.lose("b", reason: "cut")
        table.renew("b")
        table.lose("c", reason: "unknown")
        #expect(table.nodes["b"]?.loss == "cut" && table.nodes["b"]?.renewals == 1 && table.nodes["c"] == nil)
    }
}
