//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen

// MARK: Streams

extension StressWorker {
    mutating func stream() async throws {
        let member = try member()
        let (count, ballast) = (random.mostlySmall(below: 2000), random.mostlySmall(below: 10_000))
        let window = random.once(in: 2) ? 1 << 20 : 1 + random.below(20_000)
        var next = 0
        for try await number in member.context.stream(Count(to: count, ballast: ballast), window: window) {
            journal.goOn(self.number)
            try check(number.value == next, "value \(number.value) came in the place of \(next)")
            try check(number.ballast.count == ballast, "value \(next) has \(number.ballast.count) bytes with it")
            next += 1
        }
        try check(next == count, "\(next) of \(count) values have come")
    }

    /// Leaves a stream that has no end, in one of several ways.
    mutating func abandonedStream() async throws {
        let member = try member()
        let (limit, window) = (random.mostlySmall(below: 500), 1 + random.mostlySmall(below: 100_000))
        let values = member.context.stream(Count(ballast: random.mostlySmall(below: 2000)), window: window)
        let collect: @Sendable () async throws -> Void = { [journal, worker = self.number] in
            var next = 0
            for try await number in values {
                journal.goOn(worker)
                if number.value != next { throw StressComplaint("value \(number.value) in the place of \(next)") }
                next += 1
                if next > limit { return }
            }
            throw StressComplaint("the stream ended after \(next) values")
        }
        if random.once(in: 2) { return try await collect() }
        _ = try await cancelling(after: .microseconds(random.below(30_000)), collect)
    }

    mutating func streamBetween() async throws {
        let (upper, lower) = try pair()
        let count = random.mostlySmall(below: 1000)
        let values = try await upper.context.call(CollectFrom(lower.context, Count(to: count)))
        try check(values == Array(0..<count), "\(values.count) of \(count) values have come")
    }
}

// MARK: Channels

extension StressWorker {
    mutating func channelUp() async throws {
        let member = try member()
        let count = random.mostlySmall(below: 3000)
        let receiver = try Receiver<Int>(router: forest.router, respondent: member.context)
        let call = try member.context.startCall(SendNumbers(count, to: receiver.makeSender()))
        let limit = random.once(in: 4) ? random.below(count + 1) : count
        var next = 0
        var iterator = receiver.makeAsyncIterator()
        while next < limit, let number = try await iterator.next() {
            journal.goOn(self.number)
            try check(number == next, "\(number) came in the place of \(next)")
            next += 1
        }
        try check(next == limit, "\(next) of \(limit) numbers have come")
        if limit < count {
            // The sender hears that nobody takes the rest, unless all of it was under way.
            receiver.close()
            allowed.insert(.channelError)
        } else {
            try check(try await iterator.next() == nil, "there are more than \(count) numbers")
        }
        try await call.get()
    }

    /// Some sends are cancelled: those were not sent.
    mutating func channelDown() async throws {
        let member = try member()
        let introductions = try Receiver<Sender<Int>>(router: forest.router, respondent: member.context)
        let call = try member.context.startCall(ReceiveNumbers(introduction: introductions.makeSender()))
        let sender = try await introductions.get()
        var sent: [Int] = []
        for number in 0..<random.mostlySmall(below: 2000) {
            journal.goOn(self.number)
            if random.once(in: 50) {
                let delay = Duration.microseconds(random.below(300))
                if try await cancelling(after: delay, { try await sender.send(number) }) { sent.append(number) }
            } else {
                try await sender.send(number)
                sent.append(number)
            }
        }
        sender.close()
        let received = try await call.get()
        try check(received == sent, "\(received.count) of \(sent.count) numbers have come, or others")
    }

    /// Two contexts, of which none need be above the other.
    mutating func channelBetween() async throws {
        let (source, target) = (try member(), try member())
        let count = random.mostlySmall(below: 2000)
        let introductions = try Receiver<Sender<Int>>(router: forest.router, respondent: target.context)
        let receiving = try target.context.startCall(ReceiveNumbers(introduction: introductions.makeSender()))
        let sender = try await introductions.get()
        var failure: (any Error)?
        do {
            try await source.context.call(SendNumbers(count, to: sender))
        } catch {
            failure = error
            // Otherwise the receiver, which takes from anyone, would wait on.
            sender.close()
        }
        let received = try await receiving.get()
        try check(received == Array(0..<received.count), "the numbers are \(received)")
        if let failure { throw failure }
        try check(received.count == count, "\(received.count) of \(count) numbers have come")
    }
}
