//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenDistributed
internal import MitogenFixtures
internal import MitogenPickle
internal import MitogenProtocol
internal import Testing

extension LibraryTests {
    @Suite("Distributed actors")
    struct Actors {}
}

extension LibraryTests.Actors {
    @Test("An actor is created in a context, called there, and let go of")
    func lifecycle() async throws {
        try await withFixtureRouter { router in
            let system = try router.actorSystem
            #expect(try router.actorSystem === system)
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
            let own = try await system.create(Counter.self, with: 1, in: router.myself())
            #expect(own.id.contextID == 0)
            #expect(try await own.increment(by: 1) == 2)
            #expect(try await child.call(Increment(own)) == 3)
            try await system.release(own)
            await #expect(throws: Counter.Overflow.self) {
                _ = try await system.create(Counter.self, with: -1, in: router.myself())
            }
            let invalid = try await failure { _ = try await system.create(Counter.self, with: -1, in: child) }
            #expect(invalid.code == .callError)
            #expect(invalid.remote?.typeName == "MitogenFixtures.Counter.Overflow")
        }
    }

    @Test("An actor is an argument and a result, and is called back from below")
    func passing() async throws {
        try await withFixtureRouter { router in
            let system = try router.actorSystem
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
            let counter = try await router.actorSystem.create(Counter.self, with: 0, in: home)
            #expect(try await left.call(Increment(counter)) == 1)
            let senders = try Receiver<Sender<Counter>>(router: router)
            let call = try right.startCall(IncrementReceived(senders.makeSender()))
            try await senders.get(timeout: .seconds(10)).send(counter)
            #expect(try await call.get(timeout: .seconds(10)) == 2)
        }
    }

    @Test("What goes wrong is told to the caller")
    func failures() async throws {
        try await withFixtureRouter { router in
            let system = try router.actorSystem
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
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(ContinuousClock.now - start < .seconds(30))
            #expect(try await counter.increment(by: 1) == 1)
            let waiting = Task { try await counter.sleep() }
            try await child.shutdown(waits: true)
            let lost = try await failure { try await waiting.value }
            #expect(lost.code == .channelError)
            #expect(try await failure { try await counter.increment(by: 1) }.code == .channelError)
        }
    }

    @Test("What a method throws is thrown again as what it was, through other actors too")
    func typedErrors() async throws {
        try await withFixtureRouter { router in
            let system = try router.actorSystem
            let (left, right) = (try await router.local(), try await router.local())
            let counter = try await system.create(Counter.self, with: 5, in: left)
            let other = try await system.create(Counter.self, with: 7, in: right)
            #expect(try await counter.decrement(by: 2) == 3)
            do {
                _ = try await counter.decrement(by: 10)
                Issue.record("nothing was thrown")
            } catch let error as Counter.Overdrawn {
                #expect(error.missing == 7)
            }
            await #expect(throws: Counter.Overdrawn(missing: 93)) { try await counter.decrement(other, by: 100) }
        }
    }

    @Test("What arguments and results name can be used where it arrives, and the time travels along")
    func namesAndTime() async throws {
        try await withFixtureRouter { router in
            let system = try router.actorSystem
            let (left, right) = (try await router.local(), try await router.local())
            let nested = try await router.local(via: left)
            let counter = try await system.create(Counter.self, with: 0, in: left)
            let receiver = try Receiver<Int>(router: router)
            let parts = try await counter.passBack(receiver.makeSender())
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

    @Test("Generic actors are refused when they are created")
    func generic() async throws {
        try await withFixtureRouter { router in
            let system = try router.actorSystem
            let child = try await router.local()
            let error = try await failure { _ = try await system.create(Box<Int>.self, with: 1, in: child) }
            #expect(error.code == .misuse && error.message.hasPrefix("MitogenFixtures.Box<Swift.Int> cannot be called"))
            let counter = try await system.create(Counter.self, with: 0, in: child)
            #expect(throws: MitogenError.self) { try Box<Int>.resolve(id: counter.id, using: system) }
        }
    }

    // MARK: Hostile calls

    /// A call as it is on the wire.
    private func ask(
        _ actor: MitogenActorID,
        in context: Context,
        _ target: String,
        types: [PickleValue] = [],
        _ arguments: [PickleValue] = []
    ) async throws -> PickleValue {
        guard case .dictionary(let id) = try PickleReader.decodeFirst(PickleEncoder().encode(actor)),
            case .int(let handle)? = id["handle"], let token = id["token"]
        else { throw TestFailure("an id has another form") }
        let data = PickleValue.tuple([token, .string(target), .tuple(types), .tuple(arguments)])
        return try await context.request(Message.pickled(data, handle: Handle(handle))).rawValue(localID: 0)
    }

    private func isRefused(_ answer: PickleValue) -> Bool {
        if case .callError = answer { true } else { false }
    }

    private static let prefix = "$s15MitogenFixtures7CounterC"

    @Test("A method of a type inside an actor's, or inside one of its methods, is not the actor's")
    func otherActorsMethods() async throws {
        try await withFixtureRouter { router in
            let system = try router.actorSystem
            let child = try await router.local()
            let counter = try await system.create(Counter.self, with: 0, in: child)
            let part = try await system.create(Counter.Part.self, with: 9, in: child)
            #expect(try await part.number() == 9)
            let number = "\(Self.prefix)4PartC6numberSiyYaKFTE"
            #expect(try await ask(part.id, in: child, number) == .int(9), "this is how the compiler names it")
            #expect(isRefused(try await ask(counter.id, in: child, number)))
            let local = try await counter.makeLocal()
            let seven = "\(Self.prefix)9makeLocal0A11Distributed0A7ActorIDVyF0E0L_C5sevenSiyYaKFTE"
            for id in [counter.id, part.id, local] { #expect(isRefused(try await ask(id, in: child, seven))) }
            let increment = "\(Self.prefix)9increment2byS2i_tYaKFTE"
            #expect(try await ask(counter.id, in: child, increment, [.int(3)]) == .int(3))
            for id in [part.id, local] { #expect(isRefused(try await ask(id, in: child, increment, [.int(3)]))) }
        }
    }

    @Test("Whatever a call names, the process lives on and answers with an error")
    func hostileCalls() async throws {
        try await withFixtureRouter { router in
            let system = try router.actorSystem
            let child = try await router.local()
            let counter = try await system.create(Counter.self, with: 0, in: child)
            let (echo, pair) = (
                "\(Self.prefix)4echoyxxYaKSeRzSERzlFTE", "\(Self.prefix)4pairySayxGx_q_tYaKSeRzSERzSeR_SER_r0_lFTE"
            )
            let (int, text) = (PickleValue.string("Si"), PickleValue.string("SS"))
            #expect(try await ask(counter.id, in: child, echo, types: [int], [.int(3)]) == .int(3))
            #expect(
                try await ask(counter.id, in: child, pair, types: [int, text], [.int(3), .string("a")])
                    == .list([.int(3)])
            )
            let notCodable = try #require(_mangledTypeName(Processes.self))
            var types: [[PickleValue]] = [
                [], [text], [.none], [.int(1)], [.string(notCodable)], [.string("15MitogenFixtures5QueueC")],
                Array(repeating: int, count: 33), Array(repeating: int, count: 1000),
            ]
            for name in [
                "", "$", "Si_SS$tD", "$sSi", "\0", "\u{1}abcd", "Si_Si", "So8NSObjectC", "yp", "ypXp", "x", "Qz",
            ] {
                types.append([.string(name)])
                types.append([int, .string(name)])
            }
            for types in types where types.first != int || types.count > 2 {
                #expect(isRefused(try await ask(counter.id, in: child, echo, types: types, [.int(3)])), "\(types)")
            }
            for types in types + [[int]] where types.count != 2 || types[1] != text {
                #expect(
                    isRefused(try await ask(counter.id, in: child, pair, types: types, [.int(3), .int(4)])),
                    "\(types)"
                )
            }
            for target in Self.hostileTargets(from: [echo, pair, "\(Self.prefix)9increment2byS2i_tYaKFTE"]) {
                #expect(isRefused(try await ask(counter.id, in: child, target, types: [int], [])), "\(target)")
            }
            #expect(try await counter.increment(by: 1) == 1, "the same actor, so the same process")
        }
    }

    private static func hostileTargets(from real: [String]) -> [String] {
        let endings = [
            "", "$", "Si_SS$tD", "9increment", "9incrementSi_SS$tDFTE", "99999999999999999999x", "0A3x", "00", "A",
            "L_C", "FTE",
            "9increment2byS2i_tYaKF", "9increment2byS2i_tYaKFTETE", "\0", "\u{1}\u{2}\u{3}\u{4}\u{5}", "ä",
        ]
        var targets = ["", "$", "$s", "$sSi_SS$tD", "Si_SS$tD", "_T0", String(repeating: "A", count: 100_000)]
        targets += endings.map { prefix + $0 } + [prefix + String(repeating: "y", count: 50_000)]
        let alphabet = Array("AaBCDEFGLPQRSTVXYZcdeiklrstxyz0123456789_$".utf8)
        var generator = SystemRandomNumberGenerator()
        for name in real {
            for _ in 0..<150 {
                var bytes = Array(name.utf8)
                for _ in 0..<Int.random(in: 1...3, using: &generator) {
                    let place = Int.random(in: prefix.utf8.count..<bytes.count, using: &generator)
                    switch Int.random(in: 0..<3, using: &generator) {
                    case 0: bytes.remove(at: place)
                    case 1: bytes.insert(alphabet.randomElement(using: &generator) ?? 0, at: place)
                    default: bytes[place] = alphabet.randomElement(using: &generator) ?? 0
                    }
                }
                targets.append(String(decoding: bytes, as: UTF8.self))
            }
        }
        return targets.filter { !real.contains($0) }
    }
}
