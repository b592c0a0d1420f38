//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol
internal import Testing

@Suite("Messages of the fork server")
struct ForkMessagesTests {
    private static let answers: [ForkAnswer] = [
        .forked(1), .forked(4_194_303), .refused(-16, "it has more threads: a (1), b (2)"), .refused(-1, ""),
        .refused(-38, String(repeating: "ä", count: 1000)),
    ]

    @Test("Answers are taken at every split of the input", arguments: answers)
    func splits(answer: ForkAnswer) {
        let bytes = answer.bytes
        for split in 0...bytes.count {
            var received = Array(bytes[..<split])
            let first = ForkAnswer(takingFrom: &received)
            #expect(first == (split == bytes.count ? answer : nil))
            if first != nil { continue }
            received += bytes[split...]
            #expect(ForkAnswer(takingFrom: &received) == answer)
            #expect(received.isEmpty)
        }
    }

    @Test("Answers that arrive together stay in order")
    func several() {
        var received = Self.answers.flatMap(\.bytes)
        var taken: [ForkAnswer] = []
        while let answer = ForkAnswer(takingFrom: &received) { taken.append(answer) }
        #expect(taken == Self.answers && received.isEmpty)
    }

    @Test("A text that is too long is cut, and what refuses has a number below zero")
    func bounds() {
        var received = ForkAnswer.refused(5, String(repeating: "x", count: 100_000)).bytes
        #expect(received.count == 6 + ForkAnswer.longestText)
        #expect(
            ForkAnswer(takingFrom: &received) == .refused(-1, String(repeating: "x", count: ForkAnswer.longestText))
        )
    }

    @Test(
        "Limits that make no sense are refused",
        arguments: [
            ProcessLimits(processorTime: .milliseconds(999)), ProcessLimits(processorTime: .seconds(-1)),
            ProcessLimits(memory: 1000),
            ProcessLimits(openFiles: 31), ProcessLimits(nice: 20), ProcessLimits(nice: -21),
        ]
    )
    func limits(limits: ProcessLimits) throws {
        let error = try #require(throws: MitogenError.self) { try limits.validate() }
        #expect(error.code == .misuse)
    }

    @Test("Limits that make sense are taken")
    func goodLimits() throws {
        try ProcessLimits().validate()
        try ProcessLimits(processorTime: .seconds(1), memory: 1 << 20, openFiles: 32, nice: -20).validate()
    }
}
