//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

/// What a forked context is to be like. It can be sent to the context that forks.
struct ForkTarget: Sendable, Codable {
    /// What its fork server has run before it forks: there is one server for each.
    var preload: NamedFunction?
    var setup: ForkSetup
}

extension Router {
    /// The options of ``Router/fork(preload:onFork:onStart:via:_:)``.
    ///
    /// A forked context is a copy of a process that runs here already: ``ContextOptions/executable`` cannot be given,
    /// and there is no image to be cached.
    public struct ForkOptions: ContextOptions {
        public var common = CommonOptions()
        /// What the fork server runs once, before it forks for the first time; nothing by default.
        public var preload: (any ForkFunction)?
        /// What the forked process runs first of all; nothing by default.
        public var onFork: (any ForkFunction)?
        /// What the context runs before it answers calls; nothing by default.
        public var onStart: (any ForkStartFunction)?

        public init() {}

        /// - Throws: ``MitogenError`` with `.misuse` for options that make no sense.
        package func request() throws(MitogenError) -> ConnectionRequest { try request(limits: ProcessLimits()) }

        func request(limits: ProcessLimits) throws(MitogenError) -> ConnectionRequest {
            guard common.executable == nil else {
                throw MitogenError(
                    .misuse,
                    "a forked context cannot have an `executable`: it is a copy of this program",
                    hint: "start another program with `local`"
                )
            }
            try limits.validate()
            let target = ForkTarget(
                preload: try preload.map { (hook) throws(MitogenError) in try NamedFunction(hook) },
                setup: ForkSetup(
                    onFork: try onFork.map { (hook) throws(MitogenError) in try NamedFunction(hook) },
                    onStart: try onStart.map { (hook) throws(MitogenError) in try NamedFunction(hook) },
                    limits: limits
                )
            )
            return try ConnectionRequest(common, "fork", .fork(target))
        }
    }
}

extension Router {
    /// Starts a context on this machine as a copy of the fork server (Mitogen semantics, section 7.13).
    ///
    /// The fork server is a fresh process of this program with one thread, which is started with the first context that
    /// is forked; there is one for each `preload` with its properties. What `preload` has made is in every context that
    /// is forked from it, and in memory once. See <doc:Fork>.
    ///
    /// ```swift
    /// let worker = try await router.fork(preload: LoadModel(path: "/srv/model")) { $0.name = "worker" }
    /// ```
    ///
    /// - Parameters:
    ///   - preload: What the fork server runs once; nothing by default.
    ///   - onFork: What the forked process runs first of all, with one thread; nothing by default.
    ///   - onStart: What the context runs before it answers calls; nothing by default.
    ///   - via: The context to fork in; this one by default.
    ///   - configure: Sets options.
    /// - Returns: The context, ready to be called; by default its name is `fork.` and its process's number.
    /// - Throws: ``MitogenError``, after which no process is left: `.imageUnusable` or `.misuse` before anything is started;
    ///   `.spawnError` if the fork server cannot be started, cannot fork or ends, with its last words; `.eofError`,
    ///   `.imageMismatch`, `.timeoutError` or `.connectionCancelled`; `.cancelled` if the calling task is.
    public func fork(
        preload: (any ForkFunction)? = nil,
        onFork: (any ForkFunction)? = nil,
        onStart: (any ForkStartFunction)? = nil,
        via: Context? = nil,
        _ configure: (inout Router.ForkOptions) -> Void = { _ in }
    ) async throws(MitogenError) -> Context {
        var options = Router.ForkOptions()
        options.preload = preload
        options.onFork = onFork
        options.onStart = onStart
        configure(&options)
        return try await connect(options.request(), from: via)
    }
}
