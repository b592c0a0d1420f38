//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenPickle
internal import MitogenProtocol
internal import Testing

@Suite("Values of a transfer")
struct TransferValueTests {
    private static var entry: FileEntry {
        var metadata = FileMetadata(
            mode: 0o4755,
            userID: .max,
            groupID: 7,
            modified: FileTime(seconds: -1, nanoseconds: 999_999_999),
            accessed: FileTime(seconds: 1 << 40, nanoseconds: 0)
        )
        metadata.userName = "käthe"
        metadata.attributes = [.init(name: [1], value: []), .init(name: [0xff], value: [0, 1])]
        var entry = FileEntry(path: [0x61, 0xe9], kind: .regular, size: 1 << 50, metadata: metadata)
        entry.digest = [UInt8](repeating: 3, count: 32)
        return entry
    }

    private func roundTrip<Value: Codable & Equatable>(_ value: Value) throws {
        let data = try PickleEncoder().encode(value)
        #expect(try PickleDecoder().decode(Value.self, from: data) == value)
    }

    @Test("What is sent is what arrives")
    func roundTrips() throws {
        let failure = FileFailure(.diskFull, [0xe9], "is full", hint: "buy one")
        let items: [FileItem] = [
            .entry(Self.entry), .start(offset: 5), .data([1, 2]), .data([]), .hole(1 << 40), .end(digest: [9]),
            .broken(failure),
            .finished, .answers(contextID: 1, handle: 1000),
        ]
        for item in items { try roundTrip(item) }
        var counts = TransferCounts()
        counts.bytes = 7
        let events: [TransferEvent] = [
            .ready(handle: 1001), .offset(3), .unwanted(0), .failed(target: 1, failure), .done(target: 2, counts),
            .lost(target: 3, failure),
        ]
        for event in events { try roundTrip(event) }
        try roundTrip(TransferPlan(contextID: 1, target: nil, children: [TransferPlan(contextID: 2, target: 0)]))
    }

    @Test(
        "What is malformed is refused",
        arguments: [
            .int(0), .int(-1), .string("x"), .tuple([]), .tuple([.int(9)]), .tuple([.int(0), .tuple([])]),
            .tuple([.int(1), .string("x")]),
        ] as [PickleValue]
    )
    func malformed(value: PickleValue) {
        #expect(throws: PickleError.self) { try FileItem(pickleValue: value) }
    }

    @Test("Sizes, times, kinds and digests that cannot be are refused")
    func impossible() {
        guard case .tuple(let fields) = Self.entry.pickleValue else { return }
        for (index, value) in [(1, PickleValue.int(9)), (2, .int(-1)), (5, .bytes([1]))] {
            var changed = fields
            changed[index] = value
            #expect(throws: PickleError.self) { try FileEntry(pickleValue: .tuple(changed)) }
        }
        #expect(throws: PickleError.self) {
            try FileTime(pickleValue: .tuple([.int(0), .int(1_000_000_000)]))
        }
    }

    @Test("A reason of a later version is some other failure, and every reason has a code")
    func reasons() throws {
        var last = FileFailure(.diskFull, [0x61], "full")
        last.lastEntry = 7
        #expect(try FileFailure(pickleValue: last.pickleValue) == last)
        let later = try FileFailure(pickleValue: .tuple([.int(200), .bytes([]), .string("new"), .none]))
        #expect(later.reason == .other)
        for reason in FileFailure.Reason.allCases {
            #expect(FileFailure(reason, [0x61], "x").error(in: "here").description == "here: a: x")
        }
    }

    @Test("The plan passes data on where ways part, and nowhere else")
    func plans() {
        func plan(_ id: UInt32, _ target: Int?, _ children: TransferPlan...) -> TransferPlan {
            TransferPlan(contextID: id, target: target, children: children)
        }
        #expect(TransferPlan.plans(for: [[1], [2]]) == [plan(1, 0), plan(2, 1)])
        // One behind another that is none: its router passes the messages on.
        #expect(TransferPlan.plans(for: [[1, 2, 3]]) == [plan(3, 0)])
        #expect(TransferPlan.plans(for: [[1, 2], [1, 3]]) == [plan(1, nil, plan(2, 0), plan(3, 1))])
        #expect(
            TransferPlan.plans(for: [[1, 2, 3], [1, 2, 4], [5]]) == [plan(2, nil, plan(3, 0), plan(4, 1)), plan(5, 2)]
        )
        #expect(TransferPlan.plans(for: [[1, 2], [1]]) == [plan(1, 1, plan(2, 0))])
        #expect(TransferPlan.plans(for: []).isEmpty)
        let deep = TransferPlan.plans(for: [[1, 2, 3], [1, 2], [1]])
        #expect(deep.map(\.height) == [2] && deep[0].targets == [2, 1, 0])
    }
}
