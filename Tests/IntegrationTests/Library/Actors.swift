//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenDistributed
internal import MitogenFixtures
internal import Testing

extension LibraryTests {
    @Suite("Distributed actors")
    struct Actors {}
}

extension LibraryTests.Actors {
    @Test("An actor is created in a context, called there, and let go of")
    func lifecycle() async throws {
        try await withFixtureRouter { router in
            let system = try MitogenActorSystem.of(router)
            #expect(try MitogenActorSystem.of(router) === system)
            let child = try await router.local()
            let nested = try await router.local(via: child)
            for context in [child, nested] {
                let counter = try await system.create(Counter.self, with: 40, in: context)
                #expect(counter.id.contextID == context.id)
                #expect(try await counter.contextID() == context.id)
                #expect(try await counter.increment(by: 1) == 41)
                #expect(try await counter.increment(by: 1) == 42)
                #expect(try await counter.echo(["a": [1.5, 2]]) == ["a": [1.5, 2]])
                try await system.release(counter)
                let gone = try await failure { try await counter.increment(by: 1) }
                #expect(gone.code == .unknownActor)
                try await system.release(counter)
            }
            let invalid = try await failure { _ = try await system.create(Counter.self, with: -1, in: child) }
            #expect(invalid.code == .callError)
            #expect(invalid.remote?.typeName == "MitogenFixtures.Counter.Overflow")
        }
    }

    @Test("An actor is an argument and a result, and is called back from below")
    func passing() async throws {
        try await withFixtureRouter { router in
            let system = try MitogenActorSystem.of(router)
            let (left, right) = (try await router.local(), try await router.local())
            let watcher = Watcher(actorSystem: system)
            let counter = try await left.call(MakeCounter(0))
            #expect(counter.id.contextID == left.id)
            // A sibling's actor is told, too: it was handed the id.
            let far = try await system.create(Counter.self, with: 100, in: right)
            try await counter.add(watcher)
            try await far.add(watcher)
            for step in 1...3 { _ = try await counter.increment(by: step) }
            _ = try await far.increment(by: 1)
            #expect(try await watcher.all() == [1, 3, 6, 101])
        }
    }

    @Test("An actor is passed on to contexts that have had none before, as an argument and through a channel")
    func passedOn() async throws {
        try await withFixtureRouter { router in
            let home = try await router.local()
            let (left, right) = (try await router.local(), try await router.local(via: home))
            let counter = try await MitogenActorSystem.of(router).create(Counter.self, with: 0, in: home)
            #expect(try await left.call(Increment(counter)) == 1)
            let senders = try Receiver<Sender<Counter>>(router: router)
            let call = try right.startCall(IncrementReceived(senders.toSender()))
            try await senders.get(timeout: .seconds(10)).send(counter)
            #expect(try await call.get(timeout: .seconds(10)) == 2)
        }
    }

    @Test("What goes wrong is told to the caller")
    func failures() async throws {
        try await withFixtureRouter { router in
            let system = try MitogenActorSystem.of(router)
            let child = try await router.local()
            let counter = try await system.create(Counter.self, with: 0, in: child)
            let thrown = try await failure { try await counter.fail() }
            #expect(thrown.code == .callError && thrown.remote?.typeName == "MitogenFixtures.Counter.Overflow")
            // Another kind of actor with the same id.
            let other = try Watcher.resolve(id: counter.id, using: system)
            let misfit = try await failure { try await other.note(1) }
            #expect(misfit.code == .unknownFunction, "\(misfit)")
            #expect(throws: MitogenError.self) {
                try Watcher.resolve(id: Watcher(actorSystem: system).id, using: system)
            }
            #expect("\(counter.id)".count < 60, "the part that allows calling it is not shown")
            // Cancelling the caller cancels the method; the actor goes on.
            let start = ContinuousClock.now
            let task = Task { try await counter.sleep() }
            try await Task.sleep(for: .milliseconds(50))
            task.cancel()
            await #expect(throws: MitogenError.self) { try await task.value }
            #expect(ContinuousClock.now - start < .seconds(30))
            #expect(try await counter.increment(by: 1) == 1)
            let waiting = Task { try await counter.sleep() }
            try await child.shutdown(waits: true)
            let lost = try await failure { try await waiting.value }
            #expect(lost.code == .channelError)
            #expect(try await failure { try await counter.increment(by: 1) }.code == .channelError)
        }
    }

    @Test("What arguments and results name can be used where it arrives, and the time travels along")
    func namesAndTime() async throws {
        try await withFixtureRouter { router in
            let system = try MitogenActorSystem.of(router)
            let (left, right) = (try await router.local(), try await router.local())
            let nested = try await router.local(via: left)
            let counter = try await system.create(Counter.self, with: 0, in: left)
            let receiver = try Receiver<Int>(router: router)
            let parts = try await counter.passBack(receiver.toSender())
            try await parts.sender.send(2)
            #expect(try await receiver.get(timeout: .seconds(5)) == 1)
            #expect(try await receiver.get(timeout: .seconds(5)) == 2)
            #expect(try await parts.context.call(Add(1, 2)) == 3)
            #expect(try await counter.timeLeft() == nil)
            let deep = try await system.create(Counter.self, with: 0, in: nested)
            let left20 = try await left.call(TimeLeftInCounter(deep), timeout: .seconds(20))
            #expect(15...20 ~= (try #require(left20)))
            // A sibling is not known to understand that.
            #expect(try await right.call(TimeLeftInCounter(deep), timeout: .seconds(20)) == nil)
        }
    }
}
