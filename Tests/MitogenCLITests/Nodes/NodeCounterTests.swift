//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Testing

@testable import MitogenCLI

@Suite("Counting names without making them")
struct NodeCounterTests {
    private static func count(_ texts: String..., groups: NodeGroups = .none) throws -> Int {
        try NodeCounter(texts.map { ($0, .union) }, groups).count
    }

    @Test(
        "A thousand million names take no longer than one",
        arguments: [
            ("web[1-1000000000]", 1_000_000_000), ("web[0-999999999]", 1_000_000_000),
            ("web[000000000-999999999]", 1_000_000_000), ("web[1-1000000000]!web[5-14],web7", 999_999_991),
            ("web[1-1000000000],web[500000000-1500000000]", 1_500_000_000),
            ("web[1-1000000000]&web[999999991-2000000000]", 10), ("web[1-1000000000]^web[2-1000000001]", 2),
            ("web[1-1000000000],web05,web0", 1_000_000_002), ("r[1-100]n[1-10000000]", 1_000_000_000),
            ("r[1-100]n[1-10000000]!r5n[1-10000000]", 990_000_000), ("[db,web][1-3]x[1-500000000]", 3_000_000_000),
            ("ssh:me@web[1-1000000000]:22+sudo", 1_000_000_000),
            ("a[1-999999999999999999],b", 1_000_000_000_000_000_000),
            ("web[1-1000000000]-ib0,web5-ib0,web5-ib1", 1_000_000_001),
            ("web[1-1000000000]!web0000000000000000000000005", 1_000_000_000),
        ]
    )
    func large(text: String, count: Int) throws {
        #expect(try Self.count(text) == count)
    }

    @Test("Several node sets, and those of groups, are combined like any others")
    func several() throws {
        let groups = NodeGroups(sources: [NodeGroups.Source(name: "g", groups: ["few": ["web[3-5]", "web7", "db"]])])
        #expect(try Self.count("web[1-1000000000]", "@few", groups: groups) == 1_000_000_001)
        #expect(try Self.count("@few", "web[1-1000000000]!@few", groups: groups) == 1_000_000_001)
        let lines = try HostsRequestTests.lines([
            "-c", "web[1-1000000000]", "-x", "web[1-9]", "--intersection", "web[5-20]", "-X", "web[20-21]",
        ])
        #expect(lines == ["11"])
    }

    @Test(
        "What would have to be expanded is bounded",
        arguments: ["web[1-9][1-9000000]", "a[1-5000000/2]", "a[1-9],b["]
    )
    func bounds(text: String) {
        #expect(throws: ArgumentError.self) { try Self.count(text) }
    }

    @Test("The count is that of the names")
    func random() throws {
        var generator = SystemRandomNumberGenerator()
        func operand() -> String {
            let name = ["a", "b", "a1x"].randomElement(using: &generator) ?? "a"
            let (first, second) = (Int.random(in: 0...25_000), Int.random(in: 0...25_000))
            switch Int.random(in: 0..<6, using: &generator) {
            case 0: return "\(name)\(first)"
            case 1: return "\(name)0\(first)"
            case 2: return "\(name)[\(first % 30)-\(first % 30 + 3)]"
            case 3:
                let digits = String(repeating: "0", count: 6 - String(min(first, second)).count)
                let others = String(repeating: "0", count: 6 - String(max(first, second)).count)
                return "\(name)[\(digits)\(min(first, second))-\(others)\(max(first, second))]"
            case 4: return "\(name)[\(first),\(first + 1)-\(first + 12_000)]y"
            default: return "\(name)[\(min(first, second))-\(max(first, second))]"
            }
        }
        for _ in 0..<60 {
            var text = operand()
            for _ in 0..<Int.random(in: 0...4) {
                text += String(NodeSetExpression.Operator.allCases.randomElement()?.rawValue ?? ",") + operand()
            }
            let names = try NodeGroups.none.names(inExpression: text)
            #expect(try Self.count(text) == names.count, "\(text)")
        }
    }

    @Test("Ranges of numbers are combined like sets of them")
    func ranges() {
        for _ in 0..<300 {
            func random() -> [ClosedRange<Int>] {
                (0..<Int.random(in: 0...4)).map { _ in
                    let start = Int.random(in: 0...20)
                    return start...(start + Int.random(in: 0...6))
                }
            }
            let (left, right) = (random(), random())
            let (leftSet, rightSet) = (Set(left.flatMap { Array($0) }), Set(right.flatMap { Array($0) }))
            for operation in NodeSetExpression.Operator.allCases {
                let expected =
                    switch operation {
                    case .union: leftSet.union(rightSet)
                    case .difference: leftSet.subtracting(rightSet)
                    case .intersection: leftSet.intersection(rightSet)
                    case .symmetricDifference: leftSet.symmetricDifference(rightSet)
                    }
                let result = NumberRanges(left).combined(with: NumberRanges(right), operation)
                #expect(result.ranges.flatMap { Array($0) } == expected.sorted(), "\(left) \(operation) \(right)")
                #expect(result.count == expected.count && result.isEmpty == expected.isEmpty)
                #expect(zip(result.ranges, result.ranges.dropFirst()).allSatisfy { $0.upperBound + 1 < $1.lowerBound })
            }
        }
    }
}
