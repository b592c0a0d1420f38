//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Testing

@testable import MitogenProtocol

@Suite("Requests to a fork server")
struct ForkQueueTests {
    typealias Queue = ForkQueue<String>

    private static let error = MitogenError(.spawnError, "the fork server has ended")

    // MARK: States

    enum Place: String, CaseIterable {
        case empty, waiting, asked, askedAndWaiting, abandoned, closed, closedWhileAsked, failed, failedWhileAsked
    }

    /// The requests are `a` and `b`, with the numbers 1 and 2.
    private static func queue(in place: Place) -> Queue {
        var queue = Queue()
        if place == .empty || place == .failed {
            if place == .failed { _ = queue.fail(error) }
            return queue
        }
        _ = queue.add("a")
        if place == .closed { queue.close() }
        if place == .waiting || place == .closed { return queue }
        queue.didAsk()
        switch place {
        case .askedAndWaiting: _ = queue.add("b")
        case .abandoned: _ = queue.cancel(1)
        case .closedWhileAsked: queue.close()
        case .failedWhileAsked: _ = queue.fail(error)
        default: break
        }
        return queue
    }

    private static func text(_ queue: Queue) -> String {
        let facts = [
            queue.next.map { "next \($0)" }, queue.mayHaveForked ? "open" : nil, queue.isClosed ? "closed" : nil,
            queue.failure.map { "\($0.code)" },
        ]
        return facts.compactMap { $0 }.joined(separator: " ")
    }

    // MARK: Every event in every state

    enum Event: String, CaseIterable {
        case add, didAsk, dropNext, cancelFirst, cancelUnknown, answer, halfAnAnswer, close, fail, hasNotForked

        func feed(_ queue: inout Queue) -> String {
            switch self {
            case .add: return "\(queue.add("new"))"
            case .didAsk: queue.didAsk()
            case .dropNext: queue.dropNext()
            case .cancelFirst: return queue.cancel(1).map { "\($0.request) \($0.wasAsked)" } ?? ""
            case .cancelUnknown: return queue.cancel(99).map { "\($0)" } ?? ""
            case .answer:
                return queue.receive(ForkAnswer.forked(7).bytes).map { "\($0.answer) \($0.request ?? "-")" }.joined()
            case .halfAnAnswer: return "\(queue.receive(ForkAnswer.forked(7).bytes.dropLast()).count)"
            case .close: queue.close()
            case .fail:
                let (asked, waiting) = queue.fail(MitogenError(.connectionCancelled, "the router ends"))
                return "\(asked ?? "-") \(waiting)"
            case .hasNotForked: queue.hasNotForked()
            }
            return ""
        }
    }

    /// What comes of each event in each state, and the state after it. What is not listed changes nothing and says what
    /// `idle` says.
    private static let table: [Place: [Event: (String, String)]] = [
        .empty: [
            .add: ("1", "next new"), .answer: ("forked(7) -", ""), .close: ("", "closed"),
            .fail: ("- []", "closed connectionCancelled"),
        ],
        .waiting: [
            .add: ("2", "next a"), .didAsk: ("", "open"), .dropNext: ("", ""), .cancelFirst: ("a false", ""),
            .answer: ("forked(7) -", "next a"), .close: ("", "closed"),
            .fail: ("- [\"a\"]", "closed connectionCancelled"),
        ],
        .asked: [
            .add: ("2", "open"), .cancelFirst: ("a true", "open"), .answer: ("forked(7) a", ""),
            .close: ("", "open closed"), .fail: ("a []", "open closed connectionCancelled"), .hasNotForked: ("", ""),
        ],
        .askedAndWaiting: [
            .add: ("3", "open"), .cancelFirst: ("a true", "open"), .answer: ("forked(7) a", "next b"),
            .close: ("", "open closed"), .fail: ("a [\"b\"]", "open closed connectionCancelled"),
            .hasNotForked: ("", "next b"),
        ],
        .abandoned: [
            .add: ("2", "open"), .answer: ("forked(7) -", ""), .close: ("", "open closed"),
            .fail: ("- []", "open closed connectionCancelled"), .hasNotForked: ("", ""),
        ],
        .closed: [
            .add: ("2", "closed"), .cancelFirst: ("a false", "closed"), .answer: ("forked(7) -", "closed"),
            .fail: ("- [\"a\"]", "closed connectionCancelled"),
        ],
        .closedWhileAsked: [
            .add: ("2", "open closed"), .cancelFirst: ("a true", "open closed"), .answer: ("forked(7) a", "closed"),
            .fail: ("a []", "open closed connectionCancelled"), .hasNotForked: ("", "closed"),
        ],
        .failed: [
            .add: ("1", "closed spawnError"), .answer: ("forked(7) -", "closed spawnError"),
            .fail: ("- []", "closed spawnError"),
        ],
        .failedWhileAsked: [
            .add: ("2", "open closed spawnError"), .answer: ("forked(7) -", "closed spawnError"),
            .fail: ("- []", "open closed spawnError"), .hasNotForked: ("", "closed spawnError"),
        ],
    ]

    @Test("Every event in every state", arguments: Place.allCases, Event.allCases)
    func transition(place: Place, event: Event) {
        var queue = Self.queue(in: place)
        let before = Self.text(queue)
        let outcome = event.feed(&queue)
        let idle = event == .halfAnAnswer ? "0" : ""
        let expected = Self.table[place]?[event] ?? (idle, before)
        #expect(outcome == expected.0)
        #expect(Self.text(queue) == expected.1)
    }

    @Test("An answer is taken at every split, and the next request is asked after it")
    func splits() {
        let bytes = ForkAnswer.refused(-16, "it has threads").bytes
        for split in 0..<bytes.count {
            var queue = Self.queue(in: .askedAndWaiting)
            #expect(queue.receive(bytes[..<split]).isEmpty && queue.next == nil)
            let answers = queue.receive(bytes[split...])
            #expect(answers.count == 1 && answers[0].request == "a" && queue.next == "b")
        }
    }

    @Test("Requests are asked in the order in which they have come, but for those that are given up")
    func order() {
        var queue = Queue()
        let numbers = ["a", "b", "c", "d"].map { queue.add($0) }
        #expect(queue.cancel(numbers[2])?.request == "c")
        var asked: [String] = []
        while let next = queue.next {
            asked.append(next)
            queue.didAsk()
            #expect(queue.receive(ForkAnswer.forked(1).bytes).map(\.request) == [next])
        }
        #expect(asked == ["a", "b", "d"])
    }
}
