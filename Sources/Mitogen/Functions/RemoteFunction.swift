//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

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
    /// The result: nothing (`Void`, which need not be named) or something `Codable`.
    associatedtype Output: Sendable = Void

    /// Whether the body is short, never blocks, and is to run on the Broker's thread. That saves a change of threads,
    /// and stops all routing for as long as the body runs. False by default.
    static var runsOnBroker: Bool { get }

    /// The body.
    ///
    /// - Parameter context: Where it runs: its router, who called it.
    func run(in context: ExternalContext) async throws -> Output
}

extension RemoteFunction {
    public static var runsOnBroker: Bool { false }
}
