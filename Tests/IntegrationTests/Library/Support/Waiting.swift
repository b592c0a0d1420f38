//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Testing

/// Asks again and again until the condition holds. False when the time is over.
func eventually(
    within limit: Duration = .seconds(10),
    _ condition: () async throws -> Bool
) async throws -> Bool {
    let end = ContinuousClock.now + limit
    while true {
        if try await condition() { return true }
        if ContinuousClock.now >= end { return false }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// How long `body` takes.
func duration(of body: () async throws -> Void) async rethrows -> Duration {
    let start = ContinuousClock.now
    try await body()
    return ContinuousClock.now - start
}

/// How long `body` takes at best, of several attempts: what the machine does besides does not count.
func bestDuration(of attempts: Int = 5, _ body: () async throws -> Void) async rethrows -> Duration {
    var best = Duration.seconds(1_000_000)
    for _ in 0..<attempts { best = min(best, try await duration(of: body)) }
    return best
}

/// Runs `body`, and throws if it takes longer than `limit`.
func within<Value: Sendable>(
    _ limit: Duration,
    _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await Task.sleep(for: limit)
            return nil
        }
        defer { group.cancelAll() }
        guard let value = try await group.next() ?? nil else {
            throw TestFailure("nothing happened within \(limit)")
        }
        return value
    }
}
