//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import MitogenPickle

/// A function that can run in another context.
///
/// Its properties are the arguments, ``run(in:)`` is the body, and what that returns is the result:
///
/// ```swift
/// struct CountLines: RemoteFunction {
///     var path: String
///     func run(in context: ExternalContext) async throws -> Int { … }
/// }
/// let count = try await context.call(CountLines(path: "/etc/passwd"))
/// ```
///
/// Nothing has to be registered: the other side is the same program and finds the type by its name. The type must be
/// `internal` or `public` (or nested in such types): a `private`, `fileprivate` or local type cannot be found, which
/// ``Context/call(_:timeout:)->_`` reports before it sends anything.
///
/// The body runs on threads of its own, so it may block. When the caller gives the call up, or is gone, the task it
/// runs in is cancelled.
public protocol RemoteFunction: Codable, Sendable {
    /// The result: nothing (`Void`, which need not be named) or something `Codable`. With another type the function does
    /// not conform: it has no ``encode(output:into:)``.
    associatedtype Output: Sendable = Void

    /// Whether the body is short, never blocks, and is to run on the Broker's thread. That saves a change of threads,
    /// and stops all routing for as long as the body runs. False by default.
    static var runsOnBroker: Bool { get }

    /// The body.
    ///
    /// - Parameter context: Where it runs: its router, who called it.
    func run(in context: ExternalContext) async throws -> Output

    /// Writes a result, as part of the answer to a call. Nothing has to be implemented: where ``Output`` is `Codable` or
    /// `Void` it is there.
    ///
    /// - Parameters:
    ///   - output: What ``run(in:)`` has returned.
    ///   - writer: Where to write it to.
    /// - Throws: `PickleError` if the result cannot be encoded.
    static func encode(output: Output, into writer: inout PickleWriter) throws(PickleError)
}

extension RemoteFunction {
    public static var runsOnBroker: Bool { false }
}

extension RemoteFunction where Output: Codable {
    public static func encode(output: Output, into writer: inout PickleWriter) throws(PickleError) {
        try PickleEncoder().encode(output, into: &writer)
    }
}

extension RemoteFunction where Output == Void {
    public static func encode(output: Void, into writer: inout PickleWriter) throws(PickleError) {
        try writer.writeNone()
    }
}
