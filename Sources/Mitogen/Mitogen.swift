//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The library's version and entry points.
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
}

/// Runs `body` with a router, which is shut down when the body is done, and with it every context it started.
///
/// - Parameters:
///   - configuration: How the router behaves.
///   - body: What to do with it.
/// - Returns: What the body returns.
/// - Throws: What the body throws; ``MitogenError`` if the router cannot be made. The shutdown is waited for also when
///   the calling task is cancelled; it takes at most ``RouterConfiguration/shutdownTimeout``.
public func withRouter<Result>(
    configuration: RouterConfiguration = .init(),
    _ body: (Router) async throws -> Result
) async throws -> Result {
    let router = try Router(configuration: configuration)
    do {
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

    /// The process's entry point. It is synchronous, because an asynchronous one costs every context 18 ms when it
    /// ends (architecture decision D4).
    public static func main() {
        #if Metrics || Tracing
            Mitogen.runChildIfRequested(bootstrapping: bootstrapObservability)
        #else
            Mitogen.runChildIfRequested()
        #endif
        MasterRuntime.run(configuration: configuration) { router in try await main(router: router) }
    }
}
