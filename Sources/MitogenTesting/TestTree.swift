//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen
internal import MitogenProtocol
internal import Synchronization

/// A tree of contexts in one process, for tests of a program's functions: no child process, no static program.
///
/// ```swift
/// @Test func counts() async throws {
///     try await withTestTree { tree in
///         #expect(try await tree.context.call(CountLines(path: "/etc/passwd")) > 0)
///     }
/// }
/// ```
///
/// Calls, streams, channels, services, actors and commands work as between processes: what is sent is encoded, travels
/// in frames, and is decoded. What is different: all contexts have the same globals, files and environment, a function
/// that traps ends the test, and a context that loses its parent ends its router, not the process.
public struct TestTree: Sendable {
    /// The router of the master.
    public let router: Router
    /// A child of the master.
    public let node: TestNode

    /// The child of the master, as the master calls it.
    public var context: Context { node.context }

    private let routers: Nodes

    /// The routers of the contexts, in the order in which they were made.
    final class Nodes: Sendable {
        private let all = Mutex<[Router]>([])

        func add(_ router: Router) { all.withLock { $0.append(router) } }

        func end() async {
            // From below: each waits for what is under way to those above.
            for router in all.withLock({ $0 }).reversed() {
                router.shutdown()
                await router.join()
            }
        }
    }

    init(_ router: Router, _ nodes: Nodes) async throws(MitogenError) {
        self.router = router
        routers = nodes
        node = try await Self.start("child", below: router, master: router, nodes)
    }

    /// Starts another context.
    ///
    /// - Parameters:
    ///   - name: Its name.
    ///   - parent: The context that starts it; the master by default.
    /// - Throws: ``MitogenError`` if there are no descriptors or threads left.
    public func start(_ name: String, below parent: TestNode? = nil) async throws(MitogenError) -> TestNode {
        try await Self.start(name, below: parent?.router ?? router, master: router, routers)
    }

    private static func start(
        _ name: String,
        below parent: Router,
        master: Router,
        _ nodes: Nodes
    ) async throws(MitogenError) -> TestNode {
        let (context, router) = try await parent.makeChildInProcess(name: name)
        nodes.add(router)
        guard parent !== master else { return TestNode(context: context, router: router) }
        // The master has been told when it answers: the route goes the same way, before the question.
        _ = try await parent.context(id: 0)?.startRequest(Message(handle: TestNode.nothing)).get(throwsDead: false)
        guard let seen = master.context(id: context.id) else {
            throw MitogenError(.misuse, "the master does not know the context \(name)")
        }
        return TestNode(context: seen, router: router)
    }
}

/// A context of a ``TestTree``.
public struct TestNode: Sendable {
    /// The context as the master calls it.
    public let context: Context
    /// The context's own router: what a function there has as ``ExternalContext/router``.
    public let router: Router

    /// Where nothing is registered.
    static let nothing: Handle = 999_999

    /// What a function gets that the master calls here, for calling ``RemoteFunction/run(in:)`` directly.
    ///
    /// - Parameter deadline: When the function's time is over; nil, the default, if it has no end.
    public func externalContext(until deadline: ContinuousClock.Instant? = nil) -> ExternalContext {
        ExternalContext(router: router, caller: router.context(id: 0) ?? router.myself(), deadline: deadline)
    }
}

/// Runs `body` with a tree of a master and one child in this process, which end when the body is done.
///
/// - Parameters:
///   - configuration: How the routers behave.
///   - body: The test.
/// - Returns: What the body returns.
/// - Throws: What the body throws; ``MitogenError`` if the tree cannot be made.
public func withTestTree<Result>(
    configuration: RouterConfiguration = .init(),
    _ body: (TestTree) async throws -> Result
) async throws -> Result {
    try await withRouter(configuration: configuration) { router in
        let nodes = TestTree.Nodes()
        do {
            let result = try await body(try await TestTree(router, nodes))
            await nodes.end()
            return result
        } catch {
            await nodes.end()
            throw error
        }
    }
}
