//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import MitogenProtocol
internal import Testing

extension LibraryTests {
    @Suite("Trees of contexts")
    struct Tree {}
}

extension LibraryTests.Tree {
    @Test("A function knows where it runs and who called it")
    func identity() async throws {
        try await withFixtureRouter { router in
            #expect(router.isMaster && router.contextID == 0 && router.parentID == nil && router.parentIDs.isEmpty)
            let child = try await router.local()
            let nested = try await router.local(via: child)
            let report = try await nested.call(WhoAmI())
            #expect(report.contextID == 2 && report.parentID == 1 && report.parentIDs == [1, 0])
            #expect(report.callerID == 0 && report.masterID == 0 && report.directParentID == 1)
            #expect(!report.isMaster && !report.taskLocalIsMaster && !report.isUnidirectional)
            #expect(!report.detachedIsMaster && report.detachedIDs == [report.contextID] + report.parentIDs)
            #expect(Mitogen.isMaster && Mitogen.contextID == 0 && Mitogen.parentIDs.isEmpty)
            #expect(report.taskLocalIDs == [2, 2] && report.taskLocalParentIDs == [1, 0])
            #expect(report.maxMessageSize == 128 << 20)
            // A function that another function calls has that one's context as its caller.
            #expect(try await child.call(CallerOfNested(nested)) == child.id)
            #expect(Mitogen.isMaster && Mitogen.contextID == 0 && ExternalContext.current == nil)
        }
    }

    @Test("A context can be an argument, and be called from there")
    func contextAsArgument() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let nested = try await router.local(via: child)
            #expect(try await child.call(AddIn(nested, 2, 3)) == 5)
            #expect(try await child.call(AddInMyself()) == 42)
            #expect(try await child.call(Echo(nested)).id == nested.id)
            #expect(try await child.call(Echo(nested)).name == nested.name)
        }
    }

    @Test("A context that a function has started is called from here")
    func contextAsResult() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "starter" }
            let started = try await child.call(StartChild(name: "started"))
            #expect(started.name == "started")
            #expect(try await started.call(Add(1, 2)) == 3)
            let pid = try await started.call(ProcessID())
            // It is the same one that the router knows: its end is seen, and can be waited for.
            let events = started.events
            try await started.shutdown(waits: true, timeout: .seconds(5))
            #expect(try await Processes.stillRunning([pid], after: .seconds(1)).isEmpty)
            let wasSeen = try await within(.seconds(2)) { await events.contains { _ in true } }
            #expect(wasSeen)
            let later = try await failure { _ = try await started.call(Add(1, 2)) }
            #expect(later.code == .channelError)
        }
    }

    @Test("A context may not call another that is not below it")
    func siblings() async throws {
        try await withFixtureRouter { router in
            let first = try await router.local()
            let second = try await router.local()
            let error = try await failure { _ = try await first.call(AddIn(second, 1, 2)) }
            #expect(error.code == .channelError)
            #expect(error.message.contains("refused by policy"))
            // Nor its parent, nor the master, which take no calls at all.
            let nested = try await router.local(via: first)
            #expect(
                try await failure { _ = try await nested.call(AddIn(first, 1, 2)) }.message.contains(
                    "refused by policy"
                )
            )
            let master = try await failure { _ = try await first.call(AddIn(router.myself(), 1, 2)) }
            #expect(master.message.contains("invalid handle"))
            // Nor ask it to end.
            try await first.call(Tell(second.id, StandardHandle.shutdown, ""))
            try await nested.call(Tell(first.id, StandardHandle.shutdown, ""))
            try await first.call(Tell(0, StandardHandle.shutdown, ""))
            #expect(try await second.call(Add(1, 2)) == 3)
            #expect(try await nested.call(Add(1, 2)) == 3)
        }
    }

    @Test("Siblings can exchange messages where a handle allows it")
    func siblingMessages() async throws {
        try await withFixtureRouter { router in
            let first = try await router.local()
            let second = try await router.local()
            let handle = try await second.call(Listen(at: 5000))
            #expect(try await first.call(Ask(second.id, handle, "hello")) == "hello")
        }
    }

    @Test("In unidirectional mode they cannot, at any level")
    func unidirectional() async throws {
        try await withFixtureRouter {
            $0.isUnidirectional = true
        } _: { router in
            #expect(router.isUnidirectional)
            let first = try await router.local()
            let second = try await router.local()
            _ = try await second.call(Listen(at: 5000))
            let error = try await failure { _ = try await first.call(Ask(second.id, 5000, "hello")) }
            #expect(error.message == Self.forbidden(from: first, to: second, via: 0))
            // From above and to above everything goes.
            let question = Message(handle: 5000, data: [1])
            #expect(try await second.request(question, timeout: .seconds(5)).data == [1])
            // Three levels down, whatever the options say.
            let nested = try await router.local(via: first) { $0.isUnidirectional = false }
            let left = try await router.local(via: nested) { $0.isUnidirectional = false }
            let right = try await router.local(via: nested)
            #expect(try await left.call(WhoAmI()).isUnidirectional)
            _ = try await right.call(Listen(at: 5000))
            let deep = try await failure { _ = try await left.call(Ask(right.id, 5000, "hello")) }
            #expect(deep.message == Self.forbidden(from: left, to: right, via: nested.id))
        }
    }

    private static func forbidden(from: Context, to: Context, via: ContextID) -> String {
        "routing mode prevents forward of message from context \(from.id) to context \(to.id) via context \(via)"
    }

    @Test("A single context can be made unidirectional, with what is below it")
    func unidirectionalOption() async throws {
        try await withFixtureRouter { router in
            let strict = try await router.local { $0.isUnidirectional = true }
            let left = try await router.local(via: strict)
            let right = try await router.local(via: strict)
            #expect(try await left.call(WhoAmI()).isUnidirectional)
            _ = try await right.call(Listen(at: 5000))
            let error = try await failure { _ = try await left.call(Ask(right.id, 5000, "hello")) }
            #expect(error.message == Self.forbidden(from: left, to: right, via: strict.id))
        }
    }

    @Test("A router tells who comes and who goes")
    func routerEvents() async throws {
        try await withFixtureRouter { router in
            let events = router.events
            let child = try await router.local { $0.name = "coming" }
            let nested = try await router.local(via: child)
            _ = try child.startCall(Crash(.kill))
            router.shutdown()
            let names = try await within(.seconds(10)) {
                var names: [String] = []
                for await event in events {
                    switch event {
                    case .connected(let context): names.append("+\(context.id)")
                    case .disconnected(let context, _): names.append("-\(context.id)")
                    case .shutdown: names.append("shutdown")
                    }
                }
                return names
            }
            #expect(names.prefix(2) == ["+\(child.id)", "+\(nested.id)"])
            #expect(names.contains("shutdown"))
        }
    }

    @Test("A context tells that it is gone, and why")
    func contextEvents() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let nested = try await router.local(via: child)
            let endOfNested = nested.events
            let endOfChild = child.events
            _ = try nested.startCall(Crash(.kill))
            let first = try await within(.seconds(3)) { await endOfNested.first { _ in true } }
            guard case .disconnected(let reason) = first else { throw TestFailure("no event of the nested context") }
            #expect(reason.contains("SIGKILL"))
            try await child.shutdown(waits: true)
            let second = try await within(.seconds(3)) { await endOfChild.first { _ in true } }
            #expect(second != nil)
            // Who listens later hears that it is over.
            let late = try await within(.seconds(3)) { await child.events.first { _ in true } }
            #expect(late == nil)
        }
    }

    @Test("The context that an event names is the one that a connection returns")
    func eventsContext() async throws {
        try await withFixtureRouter { router in
            let events = router.events
            let child = try await router.local()
            let nested = try await router.local(via: child)
            let announced = try await within(.seconds(3)) {
                for await event in events {
                    if case .connected(let context) = event, context.id == nested.id { return context }
                }
                throw TestFailure("no event")
            }
            #expect(announced.name == nested.name)
            let end = announced.events
            try await nested.shutdown(waits: true)
            #expect(try await within(.seconds(3)) { await end.first { _ in true } } != nil)
        }
    }
}
