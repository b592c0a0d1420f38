//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// A function that runs in another context, takes many values from its caller and returns many, each when it is there.
///
/// As with a ``RemoteStream``, the properties are the arguments and nothing has to be registered:
///
/// ```swift
/// struct Translate: BidirectionalStream {
///     var language: String
///     func run(in context: ExternalContext, input: Receiver<String>, yield: StreamWriter<String>) async throws {
///         for try await line in input { try await yield(translated(line, to: language)) }
///     }
/// }
/// let stream = try await host.open(Translate(language: "de"))
/// try await stream.send("one")
/// stream.finish()
/// for try await line in stream { print(line) }
/// ```
///
/// Each side waits while the other does not keep up. `input` ends when the caller calls ``OpenStream/finish()``, and
/// throws when it is gone. When nobody holds the stream any more, the task of the body is cancelled.
public protocol BidirectionalStream: Codable, Sendable {
    /// What the caller sends.
    associatedtype Input: Codable & Sendable
    /// What is sent to the caller.
    associatedtype Element: Codable & Sendable

    /// The body.
    ///
    /// - Parameters:
    ///   - context: Where it runs: its router, who called it.
    ///   - input: What the caller sends.
    ///   - yield: Sends a value to the caller.
    func run(in context: ExternalContext, input: Receiver<Input>, yield: StreamWriter<Element>) async throws
}

extension Context {
    /// Starts a function in this context that takes values and returns values.
    ///
    /// - Parameters:
    ///   - stream: The function with its arguments.
    ///   - window: How many bytes of what it returns may be on the way, or wait to be taken; 1 MiB by default. What is
    ///     sent to it has the window of a ``Sender``.
    ///   - timeout: How long it may run; for ever by default.
    /// - Returns: Its values, and the way to send it some, once it runs.
    /// - Throws: ``MitogenError`` as ``call(_:timeout:)->_``.
    public func open<S: BidirectionalStream>(
        _ stream: S,
        window: Int = 1 << 20,
        timeout: Duration? = nil
    ) async throws(MitogenError) -> OpenStream<S.Input, S.Element> {
        let pieces = self.stream(OpenedStream(stream: stream), window: window, timeout: timeout)
        do throws(MitogenError) {
            let session = try pieces.start()
            guard let first = try await session.next(), case .inlet(let sender) = try pieces.decode(first) else {
                throw MitogenError(.streamError, "\(_typeName(S.self)) has not said where its values go")
            }
            return OpenStream(pieces, session, sender)
        } catch {
            throw error.inContext(name)
        }
    }
}

/// A ``BidirectionalStream`` that runs: its values as they come, and the way to send it some.
///
/// It ends with the last reference to it: the function is cancelled then. Several tasks may take from it; each value
/// goes to one of them. The iteration throws as that of ``RemoteValues``.
public final class OpenStream<Input: Codable & Sendable, Element: Codable & Sendable>: AsyncSequence, Sendable {
    private let pieces: RemoteValues<OpenedStreamPiece<Input, Element>>
    private let session: StreamSession
    private let sender: Sender<Input>

    init(
        _ pieces: RemoteValues<OpenedStreamPiece<Input, Element>>,
        _ session: StreamSession,
        _ sender: Sender<Input>
    ) {
        self.pieces = pieces
        self.session = session
        self.sender = sender
    }

    /// The context that the function runs in.
    public var context: Context { pieces.context }

    /// Sends the function a value, waiting while it does not keep up.
    ///
    /// - Parameters:
    ///   - value: The value.
    ///   - timeout: How long to wait at most; for ever by default.
    /// - Throws: ``MitogenError`` as ``Sender/send(_:timeout:)``: `.channelError` if the function has returned.
    public func send(_ value: Input, timeout: Duration? = nil) async throws(MitogenError) {
        try await sender.send(value, timeout: timeout)
    }

    /// Tells the function that this was all. What it returns still comes. Harmless when repeated.
    public func finish() {
        sender.close()
    }

    /// The values; see ``RemoteValues``. Iterating again goes on with what comes after that.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(stream: self)
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        let stream: OpenStream

        /// The next value; nil when the function has returned.
        public mutating func next(
            isolation actor: isolated (any Actor)? = #isolation
        ) async throws(MitogenError) -> Element? {
            try await stream.next()
        }
    }

    private func next() async throws(MitogenError) -> Element? {
        do throws(MitogenError) {
            guard let message = try await session.next() else { return nil }
            guard case .value(let value) = try pieces.decode(message) else {
                throw MitogenError(.streamError, "\(pieces.name) has said again where its values go")
            }
            return value
        } catch {
            throw error.inContext(context.name)
        }
    }
}

/// What travels from the function to its caller.
enum OpenedStreamPiece<Input: Codable & Sendable, Element: Codable & Sendable>: Codable, Sendable {
    /// First of all: where the function takes values.
    case inlet(Sender<Input>)
    case value(Element)
}

/// Runs a ``BidirectionalStream`` as a stream that says first where it takes values.
struct OpenedStream<S: BidirectionalStream>: RemoteStream, WrappedFunction {
    var stream: S

    static var wrapped: Any.Type { S.self }

    func run(
        in context: ExternalContext,
        yield: StreamWriter<OpenedStreamPiece<S.Input, S.Element>>
    ) async throws {
        let input = try Receiver<S.Input>(router: context.router, respondent: context.caller)
        defer { input.close() }
        try await yield(.inlet(input.makeSender()))
        let values = StreamWriter<S.Element> { (value) throws(MitogenError) in try await yield(.value(value)) }
        try await stream.run(in: context, input: input, yield: values)
    }
}
