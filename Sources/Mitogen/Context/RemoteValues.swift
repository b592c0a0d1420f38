//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol
internal import Synchronization

/// The values of a ``RemoteStream``, as they come.
///
/// Each iteration runs the function once, from its first ``Iterator/next(isolation:)`` on. What it sends is kept here
/// until it is taken, up to the window; then the function is suspended. Leaving the loop, or letting go of the
/// iterator, cancels the function.
///
/// The iteration throws ``MitogenError``:
///
/// - what the function threw, after all values that it has sent, with the codes of ``Context/call(_:timeout:)->_``;
/// - `.channelError` as soon as the context is lost; values that have come but were not taken are dropped;
/// - `.timeoutError` and `.cancelled` likewise, when the time is over or the iterating task is cancelled;
/// - `.streamError` if a value is not an `Element`, which cancels the function.
public struct RemoteValues<Element: Decodable & Sendable>: AsyncSequence, Sendable {
    public typealias Failure = MitogenError
    public typealias AsyncIterator = Iterator

    let context: Context
    let name: String
    let window: Int
    let timeout: Duration?
    /// Starts the function; it sends its values to the handle, and so many bytes of them unasked.
    let begin: @Sendable (Handle, _ first: Int) throws(MitogenError) -> RunningCall

    public func makeAsyncIterator() -> Iterator {
        Iterator(values: self)
    }

    /// Starts the function.
    func start() throws(MitogenError) -> StreamSession {
        let session = try StreamSession(context: context, window: window)
        try session.start(timeout: timeout, begin)
        return session
    }

    func decode(_ message: Message) throws(MitogenError) -> Element {
        do {
            let value = try message.rawValue(localID: .max)
            guard let router = context.router else { return try value.cast(to: Element.self) }
            return try router.decode(Element.self, from: value, sentBy: context)
        } catch {
            throw MitogenError(.streamError, "a value of \(name) is not a \(Element.self): \(error)")
        }
    }

    /// One run of the function.
    public struct Iterator: AsyncIteratorProtocol {
        private let values: RemoteValues
        private var session: StreamSession?
        private var isOver = false

        init(values: RemoteValues) {
            self.values = values
        }

        /// The next value; nil when the function has returned, and after an error.
        public mutating func next(
            isolation actor: isolated (any Actor)? = #isolation
        ) async throws(MitogenError) -> Element? {
            if isOver { return nil }
            do throws(MitogenError) {
                if session == nil { session = try values.start() }
                if let message = try await session?.next() { return try values.decode(message) }
            } catch {
                end()
                throw error.inContext(values.context.name)
            }
            end()
            return nil
        }

        private mutating func end() {
            isOver = true
            session = nil
        }
    }
}
