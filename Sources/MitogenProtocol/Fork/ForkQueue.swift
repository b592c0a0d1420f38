//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Who waits for a fork server, which is asked for one process at a time.
package struct ForkQueue<Request: Sendable>: Sendable {
    private struct Entry: Sendable {
        let number: Int
        let request: Request
    }

    /// Whether an answer is to come.
    private enum Question: Sendable {
        case none
        case asked(Entry)
        /// The attempt that has asked is over.
        case abandoned
    }

    private var waiting: [Entry] = []
    private var question = Question.none
    private var received: [UInt8] = []
    private var requestCount = 0
    /// Whether nothing is asked for any more; why is known a moment later.
    package private(set) var isClosed = false
    /// Why the server is gone.
    package private(set) var failure: MitogenError?

    package init() {}

    /// Adds a request, unless the server is gone.
    ///
    /// - Returns: Its number.
    package mutating func add(_ request: Request) -> Int {
        requestCount += 1
        if failure == nil { waiting.append(Entry(number: requestCount, request: request)) }
        return requestCount
    }

    /// What the server can be asked for now.
    package var next: Request? {
        guard case .none = question, !isClosed else { return nil }
        return waiting.first?.request
    }

    /// The server was asked for ``next``.
    package mutating func didAsk() {
        guard next != nil else { return }
        question = .asked(waiting.removeFirst())
    }

    /// The server cannot be asked for ``next``.
    package mutating func dropNext() {
        if next != nil { waiting.removeFirst() }
    }

    /// An attempt is over.
    ///
    /// - Returns: Its request, and whether the server was asked for it; nil if nobody waits for it.
    package mutating func cancel(_ number: Int) -> (request: Request, wasAsked: Bool)? {
        if case .asked(let entry) = question, entry.number == number {
            question = .abandoned
            return (entry.request, true)
        }
        return waiting.firstIndex { $0.number == number }.map { (waiting.remove(at: $0).request, false) }
    }

    /// Something has come from the server.
    ///
    /// - Returns: The answers that are complete with it, each with the request that it is for; nil if nobody wants it any
    ///   more.
    package mutating func receive(_ bytes: some Sequence<UInt8>) -> [(answer: ForkAnswer, request: Request?)] {
        received += bytes
        var answers: [(ForkAnswer, Request?)] = []
        while let answer = ForkAnswer(takingFrom: &received) {
            let request: Request? = if case .asked(let entry) = question { entry.request } else { nil }
            answers.append((answer, request))
            question = .none
        }
        return answers
    }

    // MARK: The end

    /// The connection, or the process, has ended.
    package mutating func close() { isClosed = true }

    /// It is known why. The first reason counts.
    ///
    /// - Returns: The request that no answer will come for, and those that the server was not asked for.
    package mutating func fail(_ error: MitogenError) -> (asked: Request?, waiting: [Request]) {
        isClosed = true
        failure = failure ?? error
        defer { waiting = [] }
        var asked: Request?
        if case .asked(let entry) = question {
            asked = entry.request
            question = .abandoned
        }
        return (asked, waiting.map(\.request))
    }

    /// Whether the server, which has ended, may have made a process that it has not told of.
    package var mayHaveForked: Bool {
        if case .none = question { false } else { true }
    }

    /// There is no such process any more.
    package mutating func hasNotForked() { question = .none }
}
