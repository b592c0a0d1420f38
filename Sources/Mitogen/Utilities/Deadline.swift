//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Synchronization

/// Runs `wait`, but throws `.timeoutError` when `timeout` is over first.
///
/// The wait must be on `shot`, which stays unresolved: only this waiter is woken.
func withDeadline<Value: Sendable, Waited: Sendable>(
    _ timeout: Duration?,
    on broker: Broker,
    _ shot: OneShot<Waited>,
    _ what: String,
    _ wait: @escaping @Sendable () async throws(MitogenError) -> Value
) async throws(MitogenError) -> Value {
    guard let timeout else { return try await wait() }
    if shot.outcome != nil { return try await wait() }
    // A second shot that the first resolves, so that running out of time does not touch what others wait for.
    let race = OneShot<Waited>()
    shot.whenResolved { race.resolve($0) }
    let timer = broker.schedule(after: timeout) {
        race.resolve(.failure(MitogenError(.timeoutError, "\(what) within \(timeout)")))
    }
    defer { timer.cancel() }
    _ = try await race.value()
    return try await wait()
}
