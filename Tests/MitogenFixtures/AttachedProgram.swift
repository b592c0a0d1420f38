//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Lets others attach themselves to a context.
public struct ListenHere: RemoteFunction {
    public var path: String

    public init(path: String) {
        self.path = path
    }

    public func run(in context: ExternalContext) async throws {
        _ = try UnixListener(router: context.router, path: path)
    }
}

/// A program that attaches itself to the tree of a test, starts a context through the first one there and a command in
/// each, tells their process ids, and stays.
enum AttachedProgram {
    /// The other side: has a context, listens, and stays.
    static func listen(_ path: String, _ router: Router) async throws {
        _ = try await router.local { $0.name = "held" }
        _ = try UnixListener(router: router, path: path)
        FixtureMaster.say("listening")
        try await Task.sleep(for: .seconds(1000))
    }

    static func run(_ path: String) async throws {
        try await withRouter(unixSocket: path) { tree in
            guard let context = tree.contexts.first else { throw MitogenError(.misuse, "there is no context") }
            let made = try await tree.router.local(via: context) { $0.name = "made" }
            FixtureMaster.say("pid \(try await made.call(ProcessID()))")
            try await withThrowingTaskGroup { group in
                for place in [context, made] {
                    group.addTask {
                        _ = try await place.run(["sh", "-c", "echo pid $$; exec sleep 1000"]) { piece in
                            writeAll(1, piece.bytes)
                            return true
                        }
                    }
                }
                do {
                    try await group.waitForAll()
                } catch let error as MitogenError {
                    FixtureMaster.say("failed with \(error.code): \(error)")
                    throw error
                }
            }
        }
    }
}
