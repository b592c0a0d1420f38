//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Synchronization

/// Where a remote function runs, and who called it (the API document's `econtext`).
public struct ExternalContext: Sendable {
    /// The router of this process. Contexts can be started with it.
    public let router: Router
    /// The context that made the call.
    public let caller: Context

    /// When the function's time is over; nil if it has no end.
    ///
    /// That is the `timeout` of its call, or the deadline of the function that made it, whichever is earlier. Then the
    /// task of the function is cancelled. Calls, streams and commands that it starts have no more time than it has
    /// itself.
    public let deadline: ContinuousClock.Instant?

    /// What the current task runs in; nil outside remote functions.
    @TaskLocal public static var current: ExternalContext?

    package init(router: Router, caller: Context, deadline: ContinuousClock.Instant? = nil) {
        self.router = router
        self.caller = caller
        self.deadline = deadline
    }

    public var isMaster: Bool { router.isMaster }
    /// This process's number.
    public var contextID: ContextID { router.contextID }
    /// The number of the context that started this one; nil in the master, and after ``detach(timeout:)``.
    public var parentID: ContextID? { router.parentID }
    /// The numbers of the ancestors, the nearest first.
    public var parentIDs: [ContextID] { router.parentIDs }
    /// The master of the tree.
    public var master: Context { router.context(0) }
    /// The context that the function runs in, to call functions and services in, and to send to.
    public var here: Context { router.myself() }
    /// The context that started this one.
    public var parent: Context? { parentID.map { router.context($0) } }

    /// Lets go of the parent: this process and what it started live on when the parent ends (Mitogen semantics,
    /// section 5.8).
    ///
    /// The answer to the call that does this does not arrive any more. It works once.
    ///
    /// - Parameter timeout: How long the parent may take to answer; for ever by default. If it is over, the parent may
    ///   still have let go.
    /// - Throws: ``MitogenError`` if the parent refuses or is gone; `.timeoutError`.
    public func detach(timeout: Duration? = nil) async throws(MitogenError) {
        try await ChildRuntime.detach(router, timeout: timeout)
    }
}

extension Mitogen {
    /// That of the function that runs; outside functions that of the process, if it was started as a context.
    ///
    /// A detached task, or a thread of the program's own, has no function.
    private static var place: ProcessPlace? {
        ExternalContext.current.map { .context($0.router) } ?? ChildRuntime.place.withLock { $0 }
    }

    /// Whether this process is the master of its tree.
    public static var isMaster: Bool { place?.isMaster ?? true }
    /// This process's number; 0 in a master, and in a program that has attached itself to a tree but in its functions.
    /// In the `preload` function of a fork server, which has no number, that of the context that forks.
    public static var contextID: ContextID { place?.contextID ?? 0 }
    /// The number of the context that started this one; nil in a master.
    public static var parentID: ContextID? { place?.parentID }
    /// The numbers of the ancestors, the nearest first; empty in a master.
    public static var parentIDs: [ContextID] { place?.parentIDs ?? [] }
}
