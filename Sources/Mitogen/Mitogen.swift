//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
public import Logging

/// The library's version and entry points.
///
/// It has the name of its module. So where another module has a type of the same name, such as Foundation's `Timer`,
/// name the module with two colons: `Mitogen::Timer`.
public enum Mitogen {
    /// This library's version.
    public static let version = "0.1.0"

    /// Becomes a context if the program was started as one, and returns otherwise.
    ///
    /// A program with its own entry point calls this first, before it starts threads, opens files or looks at its
    /// arguments. A ``MitogenProgram`` does it by itself. In a context it does not return: the process ends when its
    /// parent asks for it or is gone.
    public static func runChildIfRequested() {
        ChildRuntime.runIfRequested()
    }

    /// Runs `body` with a router, for programs with an entry point of their own.
    ///
    /// The calling thread, which must be the main one, serves the main actor meanwhile. So a synchronous entry point is
    /// enough, such as `run()` of a command of swift-argument-parser:
    ///
    /// ```swift
    /// struct Uptimes: ParsableCommand {
    ///     @Argument var hosts: [String]
    ///     mutating func run() throws {
    ///         try Mitogen.run { [hosts] router in … }
    ///     }
    /// }
    ///
    /// @main enum Program {
    ///     static func main() {
    ///         Mitogen.runChildIfRequested()
    ///         Uptimes.main()
    ///     }
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - configuration: How the router behaves; the defaults if not given.
    ///   - body: What the program does. When it returns or throws, the router and every context end.
    /// - Returns: What the body returns.
    /// - Throws: What the body throws; ``MitogenError`` if the router cannot be made, with `.misuse` if this is not the
    ///   main thread.
    @available(*, noasync, message: "it waits for the body; use withRouter")
    public static func run<Success: Sendable>(
        configuration: RouterConfiguration = .init(),
        _ body: @escaping @Sendable (Router) async throws -> Success
    ) throws -> Success {
        guard cmitogen_is_main_thread() else {
            throw MitogenError(
                .misuse,
                "Mitogen.run was called on a thread that is not the main one",
                hint: "\(.programsOnly)use withRouter where the code is asynchronous"
            )
        }
        return try MasterRuntime.serve(configuration: configuration, body).get()
    }
}

/// Runs `body` with a router, which is shut down when the body is done, and with it every context it started.
///
/// The body says that it throws ``MitogenError`` only: `withRouter { (router) throws(MitogenError) in … }`. Without
/// that, Swift takes it to throw any error, and so may `withRouter`; in a cancelled task it then throws
/// `CancellationError` in place of a ``MitogenError`` with `.cancelled`.
///
/// - Parameters:
///   - configuration: How the router behaves.
///   - body: What to do with it.
/// - Returns: What the body returns.
/// - Throws: What the body throws; ``MitogenError`` if the router cannot be made. The shutdown is waited for also when
///   the calling task is cancelled; it takes at most ``RouterConfiguration/shutdownTimeout``.
public func withRouter<Result>(
    configuration: RouterConfiguration = .init(),
    _ body: (Router) async throws(MitogenError) -> Result
) async throws(MitogenError) -> Result {
    try await ending(Router(configuration: configuration), body)
}

/// Runs `body`, which may throw any error, with a router; see the other `withRouter`.
///
/// - Throws: What the body throws, but `CancellationError` if that is a ``MitogenError`` with `.cancelled` and the
///   calling task is cancelled.
@_documentation(visibility: internal)  // two of the same name would make every link to them ambiguous
public func withRouter<Result>(
    configuration: RouterConfiguration = .init(),
    _ body: (Router) async throws -> Result
) async throws -> Result {
    try await withCancellationErrors { try await ending(Router(configuration: configuration), body) }
}

/// Runs `body` with a router, and shuts that down.
func ending<Result, Failure: Error>(
    _ router: Router,
    _ body: (Router) async throws(Failure) -> Result
) async throws(Failure) -> Result {
    do throws(Failure) {
        let result = try await body(router)
        router.shutdown()
        await router.join()
        return result
    } catch {
        router.shutdown()
        await router.join()
        throw error
    }
}

/// Runs `body`. In a cancelled task, that it was cancelled is told as it is everywhere in Swift where any error can be
/// thrown.
package func withCancellationErrors<Result>(_ body: () async throws -> Result) async throws -> Result {
    do {
        return try await body()
    } catch let error as MitogenError where error.code == .cancelled && Task.isCancelled {
        throw CancellationError()
    }
}

/// A program that starts copies of itself.
///
/// ```swift
/// @main
/// struct Hello: MitogenProgram {
///     static func main(router: Router) async throws {
///         let child = try await router.local()
///         print(try await child.call(Greet(name: "world")))
///     }
/// }
/// ```
///
/// The type has to be linked statically to be sent to other machines; see the article on packaging.
public protocol MitogenProgram: SendableMetatype {
    /// How the program's router behaves; the defaults if not given.
    static var configuration: RouterConfiguration { get }

    /// From which level up the program logs to standard error, as by
    /// ``Mitogen/Mitogen/bootstrapLogging(path:level:logsMessages:)`` at the beginning of ``main(router:)``; nil, the default,
    /// leaves swift-log as it is.
    static var logLevel: Logger.Level? { get }

    #if Metrics || Tracing
        /// Called once in every process of the program, contexts included, before anything else of the program runs
        /// there: the place to call `MetricsSystem.bootstrap` and `InstrumentationSystem.bootstrap`. Does nothing if
        /// not given. Only with the traits `Metrics` or `Tracing`.
        static func bootstrapObservability()
    #endif

    /// What the program does. When it returns, the router and every context end.
    static func main(router: Router) async throws
}

extension MitogenProgram {
    public static var configuration: RouterConfiguration { RouterConfiguration() }
    public static var logLevel: Logger.Level? { nil }

    /// The process's entry point. It is synchronous, because an asynchronous one costs every context 18 ms when it
    /// ends (architecture decision D4).
    public static func main() {
        #if Metrics || Tracing
            Mitogen.runChildIfRequested(bootstrapping: bootstrapObservability)
        #else
            Mitogen.runChildIfRequested()
        #endif
        MasterRuntime.run(configuration: configuration) { router in
            if let level = logLevel { try Mitogen.bootstrapLogging(level: level) }
            try await main(router: router)
        }
    }
}
