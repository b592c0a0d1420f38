//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen

/// What `scripts/bench-peers` measures of programs, and `mitogen bench` does not: `stream VALUES`,
/// `contexts COUNT CALLS`, `routes COUNT`, `pending COUNT`. Each says one JSON object; all but the first then stay as
/// they are, for others to look at their memory, until they are ended.
enum ProgramBenchmark {
    private static let callsInFlight = 1000
    private static let warmUpValues = 1000

    static func run(_ arguments: [String], _ router: Router) async throws {
        let numbers = arguments.dropFirst().compactMap { Int($0) }
        switch (arguments.first, numbers.count) {
        case ("stream", 1): try await self.stream(numbers[0], router)
        case ("contexts", 2): try await self.contexts(numbers[0], calls: numbers[1], router)
        case ("routes", 1): try await self.routes(numbers[0], router)
        case ("pending", 1): try await self.pending(numbers[0], router)
        default:
            throw MitogenError(.misuse, "measure stream VALUES, contexts COUNT CALLS, routes COUNT or pending COUNT")
        }
    }

    /// Values that a child sends through a channel.
    private static func stream(_ count: Int, _ router: Router) async throws {
        let child = try await router.local()
        try await self.receive(self.warmUpValues, from: child, router)
        let seconds = try await self.seconds { try await self.receive(count, from: child, router) }
        FixtureMaster.say("{\"values_per_s\":\(Double(count) / seconds)}")
    }

    private static func receive(_ count: Int, from child: Context, _ router: Router) async throws {
        let receiver = try Receiver<Int>(router: router)
        let sending = try child.startCall(SendNumbers(count, to: receiver.makeSender()))
        var expected = 0
        for try await number in receiver {
            try self.check(number, expected)
            expected += 1
        }
        try await sending.get()
        try self.check(expected, count)
    }

    /// Calls to many contexts in turn, so many in flight at any time.
    private static func contexts(_ count: Int, calls: Int, _ router: Router) async throws {
        let contexts = try await self.forks(count, via: nil, router)
        try await self.callInTurn(contexts, calls: min(calls, self.callsInFlight))
        let seconds = try await self.seconds { try await self.callInTurn(contexts, calls: calls) }
        try await self.stay(saying: "{\"calls_per_s\":\(Double(calls) / seconds)}")
    }

    private static func callInTurn(_ contexts: [Context], calls: Int) async throws {
        var pending: [PendingCall<Int>] = []
        for value in 0..<calls {
            let oldest = value - self.callsInFlight
            if oldest >= 0 { try self.check(await pending[oldest].get(), oldest) }
            pending.append(try contexts[value % contexts.count].startCall(Add(value, 0)))
        }
        for value in max(0, calls - self.callsInFlight)..<calls { try self.check(await pending[value].get(), value) }
    }

    /// Contexts that are all reached through one other.
    private static func routes(_ count: Int, _ router: Router) async throws {
        let contexts = try await self.forks(count, via: try await router.local(), router)
        try await self.stay(saying: "{\"routes\":\(contexts.count)}")
    }

    /// Calls that are not answered.
    private static func pending(_ count: Int, _ router: Router) async throws {
        let child = try await router.local()
        try self.check(try await child.call(Add(1, 1)), 2)
        let calls = try (0..<count).map { _ in try child.startCall(Doze(milliseconds: 1_000_000)) }
        try await self.stay(saying: "{\"pending\":\(calls.count)}")
        for call in calls { _ = try await call.get() }
    }

    private static func forks(_ count: Int, via parent: Context?, _ router: Router) async throws -> [Context] {
        var contexts: [Context] = []
        for number in 0..<count {
            let context = try await router.fork(via: parent)
            try self.check(try await context.call(Add(number, 1)), number + 1)
            contexts.append(context)
        }
        return contexts
    }

    private static func seconds(_ body: () async throws -> Void) async throws -> Double {
        let start = ContinuousClock.now
        try await body()
        return (ContinuousClock.now - start) / .seconds(1)
    }

    private static func stay(saying text: String) async throws {
        FixtureMaster.say(text)
        try await Task.sleep(for: .seconds(1_000_000))
    }

    private static func check(_ result: Int, _ expected: Int) throws {
        guard result == expected else { throw MitogenError(.streamError, "\(result) came instead of \(expected)") }
    }
}
