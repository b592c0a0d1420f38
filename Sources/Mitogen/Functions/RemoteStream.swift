//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import MitogenPickle

/// A function that runs in another context and returns many values, each when it is there.
///
/// As with a ``RemoteFunction``, the properties are the arguments and nothing has to be registered:
///
/// ```swift
/// struct Follow: RemoteStream {
///     var path: String
///     func run(in context: ExternalContext, yield: StreamWriter<String>) async throws {
///         while let line = … { try await yield(line) }
///     }
/// }
/// for try await line in host.stream(Follow(path: "/var/log/messages")) { print(line) }
/// ```
///
/// The body is suspended in `yield` while the other end does not keep up. When the loop is left, or its task is
/// cancelled, or the caller is gone, the task of the body is cancelled, and `yield` throws.
public protocol RemoteStream: Codable, Sendable {
    /// What is sent, again and again.
    associatedtype Element: Codable & Sendable

    /// The body.
    ///
    /// - Parameters:
    ///   - context: Where it runs: its router, who called it.
    ///   - yield: Sends a value to the caller.
    func run(in context: ExternalContext, yield: StreamWriter<Element>) async throws
}

/// Sends the values of a ``RemoteStream`` to its caller: `try await yield(value)`.
///
/// It can be used by several tasks at the same time, as long as the body runs.
public struct StreamWriter<Element: Codable & Sendable>: Sendable {
    private let send: @Sendable (Element) async throws(MitogenError) -> Void

    /// Passes values on to whatever `send` does with them.
    package init(_ send: @escaping @Sendable (Element) async throws(MitogenError) -> Void) {
        self.send = send
    }

    init(sender: StreamSender) {
        self.init { (value) throws(MitogenError) in
            let data: [UInt8]
            do throws(PickleError) {
                data = try PickleEncoder(options: sender.writerOptions).encode(value)
            } catch {
                let type = _typeName(Element.self)
                throw MitogenError(.unencodable, "cannot encode \(type), a value of a stream: \(error)")
            }
            try await sender.send(data)
        }
    }

    /// Sends a value, as soon as there is room for it.
    ///
    /// - Throws: ``MitogenError``: `.cancelled` if nobody wants the values any more, or the calling task is cancelled (a
    ///   large value may still arrive then); `.unencodable`; `.channelError` if the value is too large for a message, or
    ///   one was not delivered.
    public func callAsFunction(_ value: Element) async throws(MitogenError) {
        try await send(value)
    }
}

extension Context {
    /// Runs a function in this context and passes on its values while it runs.
    ///
    /// - Parameters:
    ///   - stream: The function with its arguments.
    ///   - window: How many bytes may be on the way, or wait to be taken; 1 MiB by default. At most one value more is.
    ///   - timeout: How long it may run; for ever by default.
    /// - Returns: The values. The function begins with the iteration, and runs once for each iteration.
    public func stream<S: RemoteStream>(
        _ stream: S,
        window: Int = 1 << 20,
        timeout: Duration? = nil
    ) -> RemoteValues<S.Element> {
        let window = max(1, window)
        return RemoteValues(context: self, name: displayedName(of: S.self), window: window, timeout: timeout) {
            (handle, first) throws(MitogenError) in
            let call = StreamCall(stream: stream, handle: handle, window: window, first: first)
            return try caller.start(call, timeout: timeout)
        }
    }

    /// Runs a function by the name that it is registered with, and passes on its values.
    ///
    /// - Parameters:
    ///   - name: `module.function`.
    ///   - arguments: The function's properties; none by default.
    ///   - type: What the values are decoded as.
    ///   - window: How many bytes may be on the way, or wait to be taken; 1 MiB by default. At most one value more is.
    ///   - timeout: How long it may run; for ever by default.
    /// - Returns: The values. The function begins with the iteration, and runs once for each iteration.
    public func stream<Element: Decodable & Sendable>(
        named name: String,
        arguments: PickleDictionary = [:],
        as type: Element.Type = Element.self,
        window: Int = 1 << 20,
        timeout: Duration? = nil
    ) -> RemoteValues<Element> {
        let window = max(1, window)
        return RemoteValues(context: self, name: name, window: window, timeout: timeout) {
            (handle, first) throws(MitogenError) in
            let keywords: PickleDictionary = [
                "stream": .dictionary(arguments), "handle": .int(Int(handle)), "window": .int(window),
                "first": .int(first),
            ]
            return try caller.start(NamedCall(name, [], keywords), timeout: timeout)
        }
    }
}

extension Router {
    /// Makes a stream's function callable as `name`, for programs that do not know its type; see
    /// ``Context/stream(named:arguments:as:window:timeout:)``.
    ///
    /// - Parameters:
    ///   - name: `module.function`.
    ///   - stream: The function's type.
    /// - Throws: ``MitogenError`` with `.misuse` if the name has no dot, or another function has it. Names belong to
    ///   the program, not to one router.
    public func register<S: RemoteStream>(_ name: String, _ stream: S.Type) throws(MitogenError) {
        try register(name, StreamCall<S>.self)
    }
}
