//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import Testing

extension LibraryTests {
    @Suite("Connections as values")
    struct ConnectionValues {}
}

extension LibraryTests.ConnectionValues {
    @Test("Methods are data: alone, in a chain, and as a target")
    func methods() async throws {
        try await withFixtureRouter { router in
            let methods: [ConnectionMethod] = [.local { $0.name = "a" }, .local { $0.name = "b" }]
            let first = try await router.connect(methods[0])
            #expect(first.name == "a")
            #expect(try await router.connect(methods[1], via: first).name == "a.b")
            let last = try await router.connect(methods)
            #expect(last.name == "a.b" && last.via != nil && last.via != first)
            #expect(try await last.call(Add(1, 2)) == 3)
            let target = try await router.connect(ConnectionTarget("local:x+local:y"), via: first) { hop, options in
                if hop.name == "y" { options.remoteName = "far" }
            }
            #expect(target.name == "a.x.y")
            #expect(try await target.call(Add(1, 2)) == 3)
            #expect(try await failure { _ = try await router.connect([ConnectionMethod]()) }.code == .misuse)
        }
    }

    @Test("A hop that fails says which, and takes along what was started for it")
    func failingHop() async throws {
        try await withFixtureRouter { router in
            var events = router.events.makeAsyncIterator()
            let methods: [ConnectionMethod] = [.local { $0.name = "a" }, .sudo { $0.sudoPath = "/nowhere/sudo" }]
            let error = try await failure { _ = try await router.connect(methods) }
            #expect(error.code == .spawnError && error.isConnectionFailure)
            #expect(error.context?.hasPrefix("a") == true, "\(error)")
            guard case .connected(let started) = await events.next() else { throw TestFailure("nothing connected") }
            guard case .disconnected(let gone, _) = await events.next() else { throw TestFailure("it lives on") }
            #expect(started == gone)
        }
    }

    @Test("Options are what a target and the program say")
    func options() throws {
        let hops = try ConnectionTarget("ssh:me@web1:2222+sudo:app+setns-podman:u:g@box").hops
        let ssh = try #require(ConnectionMethod(hops[0]).options as? ConnectionMethod.SSHOptions)
        #expect(ssh.hostname == "web1" && ssh.username == "me" && ssh.port == 2222)
        #expect((ConnectionMethod(hops[1]).options as? ConnectionMethod.SudoOptions)?.username == "app")
        let setns = try #require(ConnectionMethod(hops[2]).options as? ConnectionMethod.SetnsOptions)
        #expect(setns.kind == .podman && setns.container == "box" && setns.username == "u" && setns.group == "g")
        let changed = try ConnectionMethod(hops[0]).configured { $0.connectTimeout = .seconds(5) }
        #expect(
            (changed.options as? ConnectionMethod.SSHOptions)?.port == 2222
                && changed.options.connectTimeout == .seconds(5)
        )
        #expect(throws: MitogenError.self) {
            try ConnectionMethod(hops[0]).configured { $0 = ConnectionMethod.SuOptions() }
        }
    }
}
