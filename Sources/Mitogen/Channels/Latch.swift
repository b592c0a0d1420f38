//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// A queue between tasks: values come out in the order they went in, to waiters in the order they came (Mitogen
/// semantics, section 6.1).
public final class Latch<Element: Sendable>: Sendable {
    let mailbox = Mailbox<Element>()

    public init() {}

    /// Called for every value that nobody waits for, on the thread of the one who put it. It must not block.
    public var notify: (@Sendable (Latch<Element>) -> Void)? {
        get {
            guard let notify = mailbox.notify else { return nil }
            return { _ in notify() }
        }
        set {
            guard let newValue else { return mailbox.notify = nil }
            mailbox.notify = { [weak self] in
                if let self { newValue(self) }
            }
        }
    }

    /// Adds a value and wakes the one who has waited longest, if there is one.
    ///
    /// - Throws: ``MitogenError`` with `.latchError` if the latch is closed.
    public func put(_ element: Element) throws(MitogenError) {
        if let failure = mailbox.put(element) { throw failure }
    }

    /// Takes the next value, waiting for one if need be.
    ///
    /// - Parameters:
    ///   - timeout: How long to wait at most; for ever by default; zero does not wait.
    /// - Throws: ``MitogenError``: `.latchError` if the latch is or gets closed, even if values are left;
    ///   `.timeoutError`; `.cancelled` if the calling task is. No value is lost by the last two.
    public func get(timeout: Duration? = nil) async throws(MitogenError) -> Element {
        try await mailbox.get(timeout: timeout)
    }

    /// How many values can be taken.
    ///
    /// - Throws: ``MitogenError`` with `.latchError` if the latch is closed.
    public var count: Int {
        get throws(MitogenError) {
            if let failure = mailbox.failure { throw failure }
            return mailbox.count
        }
    }

    /// Whether no value can be taken.
    public var isEmpty: Bool {
        get throws(MitogenError) { try count == 0 }
    }

    /// Ends every wait, now and later, with `.latchError`. Harmless when repeated.
    public func close() {
        mailbox.close(with: MitogenError(.latchError, "the Latch has been closed"))
    }
}
