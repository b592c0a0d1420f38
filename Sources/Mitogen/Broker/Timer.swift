//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Synchronization

/// Something that a ``Broker`` does at a given time, unless it is cancelled before (Mitogen semantics, section 6.8).
public final class Timer: Sendable {
    /// When, on the monotonic clock.
    let deadline: Int64
    private let action: Mutex<Action?>

    // A struct, because a function that a generic type holds by itself is wrapped anew each time it is looked at.
    private struct Action {
        let body: @Sendable () -> Void
    }

    init(deadline: Int64, action: @escaping @Sendable () -> Void) {
        self.deadline = deadline
        self.action = Mutex(Action(body: action))
    }

    /// False once the timer was cancelled, and from just before it runs.
    public var isActive: Bool { action.withLock { $0 != nil } }

    /// Makes sure that the action does not run any more. Harmless when repeated.
    public func cancel() {
        // The action is let go outside the lock: what it holds may do anything when it is released.
        _ = action.withLock { $0.take() }
    }

    func fire() {
        action.withLock { $0.take() }?.body()
    }
}
