//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension ConnectionMethod {
    /// The options of ``Router/local(via:_:)``.
    public struct LocalOptions: ContextOptions {
        public var common = CommonOptions()

        public init() {}

        /// - Throws: ``MitogenError`` with `.misuse` for options that make no sense.
        package func request() throws(MitogenError) -> ConnectionRequest {
            try ConnectionRequest(common, "local", .program)
        }
    }
}

extension Router {
    /// Starts a context on this machine: another process of this program (Mitogen semantics, section 7.2).
    ///
    /// ```swift
    /// let worker = try await router.local { $0.name = "worker" }
    /// ```
    ///
    /// - Parameters:
    ///   - via: The context to start it from; this one by default.
    ///   - configure: Sets options.
    /// - Returns: The context, ready to be called.
    /// - Throws: ``MitogenError``: `.imageUnusable` or `.misuse` before anything is started; `.spawnError`,
    ///   `.eofError`, `.imageMismatch`, `.timeoutError` or `.connectionCancelled`, after which no process is left;
    ///   `.cancelled` if the calling task is, with the same guarantee.
    public func local(
        via: Context? = nil,
        _ configure: (inout ConnectionMethod.LocalOptions) -> Void = { _ in }
    ) async throws(MitogenError) -> Context {
        var options = ConnectionMethod.LocalOptions()
        configure(&options)
        return try await connect(options.request(), from: via)
    }
}
