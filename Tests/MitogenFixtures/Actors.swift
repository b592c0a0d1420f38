//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Distributed
public import Mitogen
public import MitogenDistributed

/// Counts, and knows where it lives.
public distributed actor Counter: CreatableActor {
    public typealias ActorSystem = MitogenActorSystem

    public struct Overflow: Error {}

    /// There is not enough to take away.
    public struct Overdrawn: Error, Codable, Equatable {
        public var missing: Int

        public init(missing: Int) {
            self.missing = missing
        }
    }

    private var count: Int
    private var watchers: [Watcher] = []

    public init(_ start: Int, actorSystem: MitogenActorSystem) async throws {
        if start < 0 { throw Overflow() }
        self.actorSystem = actorSystem
        count = start
    }

    public distributed func increment(by step: Int = 1) async throws -> Int {
        count += step
        for watcher in watchers { try await watcher.note(count) }
        return count
    }

    public distributed func contextID() -> ContextID { ExternalContext.current?.contextID ?? .max }

    public distributed func add(_ watcher: Watcher) { watchers.append(watcher) }

    public distributed func fail() throws { throw Overflow() }

    public distributed func decrement(by step: Int) throws -> Int {
        guard step <= count else { throw Overdrawn(missing: step - count) }
        count -= step
        return count
    }

    /// Throws what the call of another actor throws.
    public distributed func decrement(_ other: Counter, by step: Int) async throws -> Int {
        try await other.decrement(by: step)
    }

    public distributed func echo<Value: Codable & Sendable>(_ value: Value) -> Value { value }

    public distributed func pair<First: Codable & Sendable, Second: Codable & Sendable>(
        _ first: First,
        _ second: Second
    ) -> [First] { [first] }

    public distributed func sleep() async throws { try await Task.sleep(for: .seconds(1000)) }

    /// How many seconds it has.
    public distributed func timeLeft() -> Double? {
        ExternalContext.current?.deadline.map { ContinuousClock.now.duration(to: $0) / .seconds(1) }
    }

    /// Gives back what sends elsewhere, after it has sent something, and the context that this is.
    public distributed func passBack(_ sender: Sender<Int>) async throws -> Notebook.PassBack.Parts {
        try await sender.send(1)
        guard let here = ExternalContext.current?.router.myself() else { throw Overflow() }
        return Notebook.PassBack.Parts(sender: sender, context: here)
    }

    /// A type whose name begins with this one's.
    public distributed actor Part: CreatableActor {
        public typealias ActorSystem = MitogenActorSystem

        private var numbers: (Int, Int, Int, Int) = (1, 2, 3, 4)

        public init(_ number: Int, actorSystem: MitogenActorSystem) {
            self.actorSystem = actorSystem
            numbers.3 = number
        }

        public distributed func number() -> Int { numbers.3 }
    }

    /// Makes an actor whose type nobody else can name.
    public distributed func makeLocal() -> MitogenActorID {
        distributed actor Local {
            typealias ActorSystem = MitogenActorSystem
            init(actorSystem: MitogenActorSystem) { self.actorSystem = actorSystem }
            distributed func seven() -> Int { 7 }
        }
        let local = Local(actorSystem: actorSystem)
        actorSystem.keep(local)
        return local.id
    }
}

/// Is generic, which the methods' names do not say.
public distributed actor Box<Value: Codable & Sendable>: CreatableActor {
    public typealias ActorSystem = MitogenActorSystem

    private let value: Value

    public init(_ value: Value, actorSystem: MitogenActorSystem) {
        self.actorSystem = actorSystem
        self.value = value
    }

    public distributed func get() -> Value { value }
}

/// Is told of numbers.
public distributed actor Watcher {
    public typealias ActorSystem = MitogenActorSystem

    private var numbers: [Int] = []

    public init(actorSystem: MitogenActorSystem) {
        self.actorSystem = actorSystem
    }

    public distributed func note(_ number: Int) { numbers.append(number) }

    public distributed func all() -> [Int] { numbers }
}

/// Returns an actor of the context that it runs in, as a result like any other.
public struct MakeCounter: RemoteFunction {
    public var start: Int

    public init(_ start: Int) {
        self.start = start
    }

    public func run(in context: ExternalContext) async throws -> Counter {
        let system = try context.router.actorSystem
        let counter = try await Counter(start, actorSystem: system)
        system.keep(counter)
        return counter
    }
}

/// Asks an actor how much time it has.
public struct TimeLeftInCounter: RemoteFunction {
    public var counter: Counter

    public init(_ counter: Counter) {
        self.counter = counter
    }

    public func run(in context: ExternalContext) async throws -> Double? { try await counter.timeLeft() }
}

/// Calls an actor that it was given as an argument.
public struct Increment: RemoteFunction {
    public var counter: Counter

    public init(_ counter: Counter) {
        self.counter = counter
    }

    public func run(in context: ExternalContext) async throws -> Int {
        try await counter.increment(by: 1)
    }
}

/// Calls an actor that is sent to it.
public struct IncrementReceived: RemoteFunction {
    /// Told where the actor is to be sent to.
    public var senders: Sender<Sender<Counter>>

    public init(_ senders: Sender<Sender<Counter>>) {
        self.senders = senders
    }

    public func run(in context: ExternalContext) async throws -> Int {
        let counters = try Receiver<Counter>(router: context.router)
        try await senders.send(counters.makeSender())
        return try await counters.get(timeout: .seconds(10)).increment(by: 1)
    }
}
