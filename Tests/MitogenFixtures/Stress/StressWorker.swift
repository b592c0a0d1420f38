//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen

/// Does one thing after the other with random contexts, and checks what comes out.
struct StressWorker {
    let number: Int
    let forest: StressForest
    let journal: StressJournal
    var random: SeededRandom

    /// The contexts that the current work is done with.
    var involved: [StressMember] = []
    /// The errors that the current work may end with though all contexts live.
    var allowed: Set<MitogenError.Code> = []

    private enum Kind: String, CaseIterable {
        case call, echo, nestedCall, timeLimit, cancelledCall, severalCalls, chain, command
        case stream, abandonedStream, streamBetween
        case channelUp, channelDown, channelBetween
    }

    static var kindCount: Int { Kind.allCases.count }

    init(number: Int, forest: StressForest, journal: StressJournal, seed: UInt64) {
        self.number = number
        self.forest = forest
        self.journal = journal
        random = SeededRandom(seed: seed &* 1_000_003 &+ UInt64(number))
    }

    /// Works until the time is over.
    mutating func run(until end: ContinuousClock.Instant) async {
        while ContinuousClock.now < end {
            // At the beginning there are few contexts, and not every one has others below it.
            guard forest.members.count > 2 else {
                try? await Task.sleep(for: .milliseconds(5))
                continue
            }
            let kind = Kind.allCases[random.below(Self.kindCount)]
            if kind == .command, !random.once(in: 4) { continue }
            (involved, allowed) = ([], [])
            journal.begin(kind.rawValue, by: number)
            do {
                try await work(kind)
                journal.end(kind.rawValue, by: number)
            } catch {
                let code = (error as? MitogenError)?.code
                journal.end(kind.rawValue, by: number, error: code)
                if !isFitting(error) {
                    journal.complain("\(kind) with \(involved.map(\.context)) failed: \(error)")
                }
            }
        }
    }

    private mutating func work(_ kind: Kind) async throws {
        switch kind {
        case .call: try await call()
        case .echo: try await echo()
        case .nestedCall: try await nestedCall()
        case .timeLimit: try await timeLimit()
        case .cancelledCall: try await cancelledCall()
        case .severalCalls: try await severalCalls()
        case .chain: try await chain()
        case .command: try await command()
        case .stream: try await stream()
        case .abandonedStream: try await abandonedStream()
        case .streamBetween: try await streamBetween()
        case .channelUp: try await channelUp()
        case .channelDown: try await channelDown()
        case .channelBetween: try await channelBetween()
        }
    }

    /// Whether an error is one that the fate of the contexts explains.
    private func isFitting(_ error: any Error) -> Bool {
        guard let code = (error as? MitogenError)?.code else { return false }
        if code == .misuse, involved.isEmpty { return true }
        if allowed.contains(code) { return true }
        guard involved.contains(where: \.isDoomed) else { return false }
        return code == .channelError || (code == .cancelled && involved.contains(where: \.isAskedToEnd))
    }

    /// A context to work with; the work is given up if there is none.
    mutating func member() throws -> StressMember {
        guard let member = forest.pick(&random) else { throw Self.nobody }
        involved.append(member)
        return member
    }

    /// A context and one that is below it.
    mutating func pair() throws -> (upper: StressMember, lower: StressMember) {
        let members = forest.members
        guard let lower = members.filter({ $0.parent != nil }).randomElement(using: &random),
            let upper = members.filter({ lower.isBelow($0) }).randomElement(using: &random)
        else { throw Self.nobody }
        involved += [upper, lower]
        return (upper, lower)
    }

    func check(_ isRight: Bool, _ text: @autoclosure () -> String) throws {
        if !isRight { throw StressComplaint(text()) }
    }

    /// Runs `body`, and cancels it after a time unless it is done.
    ///
    /// - Returns: Whether it has ended by itself.
    func cancelling(
        after delay: Duration,
        _ body: @escaping @Sendable () async throws -> Void
    ) async throws -> Bool {
        // Unstructured, because it is to be cancelled from beside.
        let task = Task { try await body() }
        let timer = Task {
            try await Task.sleep(for: delay)
            task.cancel()
        }
        defer { timer.cancel() }
        do {
            try await task.value
            return true
        } catch let error as MitogenError where error.code == .cancelled {
            return false
        }
    }

    private static var nobody: MitogenError { MitogenError(.misuse, "no such context is left") }
}

// MARK: Calls

extension StressWorker {
    mutating func call() async throws {
        let member = try member()
        let (left, right) = (random.below(1000), random.below(1000))
        let sum = try await member.context.call(Add(left, right))
        try check(sum == left + right, "\(left) + \(right) = \(sum)")
    }

    mutating func echo() async throws {
        let member = try member()
        let bytes = random.bytes(random.mostlySmall(below: 1_500_000))
        let answer = try await member.context.call(Echo(bytes))
        try check(answer == bytes, "\(bytes.count) bytes came back as \(answer.count) others")
    }

    mutating func nestedCall() async throws {
        let (upper, lower) = try pair()
        let number = random.below(1000)
        let sum = try await upper.context.call(AddIn(lower.context, number, 1))
        try check(sum == number + 1, "\(number) + 1 = \(sum)")
    }

    mutating func timeLimit() async throws {
        let member = try member()
        let (length, limit, result) = (random.below(60), 1 + random.below(60), random.below(1000))
        let start = ContinuousClock.now
        do {
            let doze = Doze(milliseconds: length, result: result)
            let answer = try await member.context.call(doze, timeout: .milliseconds(limit))
            try check(answer == result, "\(answer), not \(result)")
        } catch let error as MitogenError where error.code == .timeoutError {
            try check(ContinuousClock.now - start >= .milliseconds(limit), "timed out too early")
        }
    }

    mutating func cancelledCall() async throws {
        let member = try member()
        let (length, result, isPending) = (random.below(30), random.below(1000), random.once(in: 2))
        let doze = Doze(milliseconds: length, result: result)
        let delay = Duration.microseconds(random.below(40_000))
        if isPending {
            let call = try member.context.startCall(doze)
            try await Task.sleep(for: delay)
            call.cancel()
            allowed.insert(.cancelled)
            let answer = try await call.get()
            try check(answer == result, "\(answer), not \(result)")
        } else {
            _ = try await cancelling(after: delay) {
                let answer = try await member.context.call(doze)
                if answer != result { throw StressComplaint("\(answer), not \(result)") }
            }
        }
    }

    /// Calls in several contexts, waited for together: each has its own end.
    mutating func severalCalls() async throws {
        let select = Select<Int>()
        var sums: [ObjectIdentifier: (sum: Int, member: StressMember)] = [:]
        for _ in 0...random.below(8) {
            let member = try member()
            let number = random.below(1000)
            let call = try member.context.startCall(Add(number, 1))
            try select.add(call)
            sums[ObjectIdentifier(call)] = (number + 1, member)
        }
        for try await event in select {
            guard let (sum, member) = sums.removeValue(forKey: ObjectIdentifier(event.source)) else {
                throw StressComplaint("an event of an unknown source, or the second one of a call")
            }
            switch event.result {
            case .success(let result): try check(result == sum, "\(result), not \(sum)")
            case .failure(let error):
                involved = [member]
                if !isFitting(error) { throw error }
            }
        }
        try check(sums.isEmpty, "\(sums.count) calls have had no end")
    }

    /// Calls in order, of which one may fail: then those after it do not run.
    mutating func chain() async throws {
        let member = try member()
        let count = 1 + random.below(30)
        let failing = random.once(in: 2) ? random.below(count) : count
        let key = "\(number)-\(random.next())"
        let chain = CallChain(context: member.context, isPipelined: true)
        var calls: [PendingCall<Int>] = []
        for index in 0..<count {
            calls.append(try chain.startCall(Step(key: key, fails: index == failing, ends: false)))
        }
        for (index, call) in calls.enumerated() {
            do {
                let before = try await call.get()
                try check(index < failing && before == index, "step \(index) of \(failing) came after \(before)")
            } catch let error as MitogenError where error.code == .callError {
                try check(index >= failing, "step \(index) of \(failing) failed: \(error)")
                try check(error.message.contains("step \(failing)"), "step \(index): \(error)")
            }
        }
        chain.reset()
        let before = try await chain.call(Step(key: key, fails: false, ends: true))
        try check(before == min(count, failing + 1), "\(before) steps of \(failing) have run")
    }

    mutating func command() async throws {
        let member = try member()
        let text = String(repeating: "x\(random.below(1000)) ", count: random.mostlySmall(below: 20_000))
        let result = try await member.context.run(["cat"], stdin: .bytes(Array(text.utf8)))
        try check(result.status == .exited(0) && result.outputText == text, "cat: \(result.status)")
    }
}
