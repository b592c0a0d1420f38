//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension LibraryTests {
    /// Unidirectional mode: only ancestors and descendants talk.
    @Suite("Unidirectional mode is inherited")
    struct Inheritance {}
}

/// A way to start a context, which may ask for another mode than it would have.
struct ContextStart: Sendable, CustomTestStringConvertible {
    typealias Method = @Sendable (Router, _ directory: String, _ via: Context?, Bool?) async throws -> Context

    let name: String
    let method: Method

    var testDescription: String { name }

    /// Scripts in the place of the tools: what is sent to the context is the same.
    private static let withoutRoot: [ContextStart] = [
        ContextStart(name: "local") { router, _, via, mode in
            try await router.local(via: via) { $0.isUnidirectional = mode }
        },
        ContextStart(name: "ssh") { router, directory, via, mode in
            let tool = try ToolStub(in: directory, lastWord)
            return try await router.ssh("host", via: via) { options in
                options.sshPath = tool.path
                options.isUnidirectional = mode
            }
        },
        ContextStart(name: "sudo") { router, directory, via, mode in
            let tool = try ToolStub(in: directory, ToolStub.leadsHere)
            return try await router.sudo(via: via) { options in
                options.sudoPath = tool.path
                options.isUnidirectional = mode
            }
        },
        ContextStart(name: "su") { router, directory, via, mode in
            let tool = try ToolStub(in: directory, lastWord)
            return try await router.su(via: via) { options in
                options.suPath = tool.path
                options.isUnidirectional = mode
            }
        },
        ContextStart(name: "doas") { router, directory, via, mode in
            let tool = try ToolStub(in: directory, ToolStub.leadsHere)
            return try await router.doas(via: via) { options in
                options.doasPath = tool.path
                options.isUnidirectional = mode
            }
        },
        ContextStart(name: "docker") { router, directory, via, mode in
            let tool = try ToolStub(in: directory, ToolStub.leadsHere)
            return try await router.docker(container: "app", via: via) { options in
                options.dockerPath = tool.path
                options.isUnidirectional = mode
            }
        },
        ContextStart(name: "docker without a shell") { router, directory, via, mode in
            let tool = try ToolStub(in: directory, ToolStub.withoutShell)
            mkdir("\(directory)/tmp", 0o755)
            return try await router.docker(container: "app", via: via) { options in
                options.dockerPath = tool.path
                options.isUnidirectional = mode
            }
        },
        ContextStart(name: "kubectl") { router, directory, via, mode in
            let tool = try ToolStub(in: directory, ToolStub.leadsHere)
            return try await router.kubectl(pod: "api", via: via) { options in
                options.kubectlPath = tool.path
                options.isUnidirectional = mode
            }
        },
    ]

    /// By namespaces, of which root can make some without any container.
    static let all: [ContextStart] = geteuid() == 0 ? withoutRoot + [setns] : withoutRoot

    private static let setns = ContextStart(name: "setns") { router, directory, via, mode in
        let unshare = try HelperProcess(["unshare", "--mount", "--net", "--fork", "--kill-child", "sleep", "1000"])
        _ = try await eventually { !Processes.children(of: unshare.pid).isEmpty }
        let leader = try #require(Processes.children(of: unshare.pid).first)
        let tool = try ToolStub(in: directory, "echo \(leader)")
        let context = try await router.setns(container: "app", kind: .podman, via: via) { options in
            options.toolPath = tool.path
            options.isUnidirectional = mode
        }
        return withExtendedLifetime(unshare) { context }
    }

    private static let lastWord = #"for last; do :; done; exec sh -c "$last""#
}

extension LibraryTests.Inheritance {
    private static func forbidden(from: Context, to: Context, via: ContextID) -> String {
        "routing mode prevents forward of message from context \(from.id) to context \(to.id) via context \(via)"
    }

    /// Two children of a context cannot reach each other through it.
    private func checkSeparation(of left: Context, _ right: Context, below top: Context) async throws {
        _ = try await right.call(Listen(at: 5000))
        let error = try await failure { _ = try await left.call(Ask(right.id, 5000, "hello")) }
        #expect(error.message == Self.forbidden(from: left, to: right, via: top.id))
    }

    @Test("Through five levels, each of which asks for less")
    func levels() async throws {
        try await withFixtureRouter {
            $0.isUnidirectional = true
        } _: { router in
            var chain: [Context] = []
            for level in 1...5 {
                let via = chain.last
                // The first is the master's own to weaken.
                let next = try await router.local(via: via) { if level > 1 { $0.isUnidirectional = false } }
                #expect(try await next.call(WhoAmI()).isUnidirectional)
                if let via {
                    let beside = try await router.local(via: via) { $0.isUnidirectional = false }
                    try await checkSeparation(of: beside, next, below: via)
                }
                chain.append(next)
            }
            // Up and down everything goes.
            _ = try await chain[0].call(Listen(at: 5000))
            #expect(try await chain[4].call(Ask(chain[0].id, 5000, "hello")) == "hello")
        }
    }

    @Test("Whatever a context is started with, by the context itself or through it", arguments: ContextStart.all)
    func methods(start: ContextStart) async throws {
        try await withTemporaryDirectory { directory in
            try await withFixtureRouter { router in
                let strict = try await router.local { $0.isUnidirectional = true }
                let first = try await start.method(router, directory, strict, false)
                #expect(try await first.call(WhoAmI()).isUnidirectional)
                let beside = try await router.local(via: strict)
                try await checkSeparation(of: beside, first, below: strict)
                // Handed on from there, too.
                let below = try await router.local(via: first) { $0.isUnidirectional = false }
                #expect(try await below.call(WhoAmI()).isUnidirectional)
            }
        }
    }

    @Test("The master's own mode holds for each way to start a context", arguments: ContextStart.all)
    func masterDefault(start: ContextStart) async throws {
        try await withTemporaryDirectory { directory in
            try await withFixtureRouter {
                $0.isUnidirectional = true
            } _: { router in
                let strict = try await start.method(router, directory, nil, nil)
                #expect(try await strict.call(WhoAmI()).isUnidirectional)
                // The master can ask for less, for its own child; between its children it still passes nothing.
                let weaker = try await start.method(router, directory, nil, false)
                #expect(try await !weaker.call(WhoAmI()).isUnidirectional)
                try await checkSeparation(of: weaker, strict, below: router.myself())
                try await checkSeparation(of: strict, weaker, below: router.myself())
            }
        }
    }

    @Test("A context that is asked by its own function to start a weaker one does not")
    func ownRequest() async throws {
        try await withFixtureRouter { router in
            let strict = try await router.local { $0.isUnidirectional = true }
            let left = try await strict.call(StartWeaker())
            let right = try await strict.call(StartWeaker())
            #expect(try await left.call(WhoAmI()).isUnidirectional)
            try await checkSeparation(of: left, right, below: strict)
            // Nor can it have others start one for it.
            let other = try await router.local()
            let error = try await failure { _ = try await left.call(StartWeakerIn(other)) }
            #expect(error.message.contains("refused by policy"), "\(error)")
            let above = try await failure { _ = try await left.call(StartWeakerIn(strict)) }
            #expect(above.message.contains("refused by policy"), "\(above)")
            let master = try await failure { _ = try await left.call(StartWeakerIn(router.myself())) }
            #expect(master.message.contains("invalid handle"), "\(master)")
        }
    }
}
