//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Distributed
public import Mitogen
internal import MitogenPickle
internal import MitogenProtocol
internal import Synchronization

/// Distributed actors in a tree of contexts: one system for each router.
///
/// ```swift
/// distributed actor Counter: CreatableActor {
///     typealias ActorSystem = MitogenActorSystem
///     private var count: Int
///
///     init(_ start: Int, actorSystem: ActorSystem) {
///         count = start
///         self.actorSystem = actorSystem
///     }
///
///     distributed func increment() -> Int {
///         count += 1
///         return count
///     }
/// }
///
/// let counter = try await router.actorSystem.create(Counter.self, with: 10, in: context)
/// print(try await counter.increment())
/// ```
///
/// A call throws what the method threw if that is `Codable`: `catch let error as Overdrawn` works as in one process. It
/// throws `CancellationError` if the calling task is cancelled, which cancels the method, or if the method was. Other
/// failures are ``MitogenError``: `.callError` with what is known of an error that is not `Codable`, `.channelError` if
/// the actor's context cannot be reached or ends, `.unknownActor` if the actor is gone.
public final class MitogenActorSystem: DistributedActorSystem {
    public typealias ActorID = MitogenActorID
    public typealias InvocationEncoder = ActorInvocationEncoder
    public typealias InvocationDecoder = ActorInvocationDecoder
    public typealias ResultHandler = ActorResultHandler
    public typealias SerializationRequirement = any Codable

    private struct Entry {
        weak var actor: (any DistributedActor)?
        /// Set for an actor that lives until it is released.
        var kept: (any DistributedActor)?
    }

    private struct State {
        var actors: [String: Entry] = [:]
        var handle: Handle = 0
    }

    private let router: Router
    private let state = Mutex(State())

    private init(_ router: Router) throws(MitogenError) {
        self.router = router
        let handle = try router.serve(describedAs: { [weak self] in self?.name(of: $0) ?? Self.unknownMethod }) {
            [weak self] request in
            guard let self else { throw MitogenError(.unknownActor, "the actor system has ended") }
            return try await self.answer(request)
        }
        state.withLock { $0.handle = handle }
    }

    // MARK: Systems

    private static let systems = Mutex<[ObjectIdentifier: MitogenActorSystem]>([:])

    /// The actor system of a router, which ends with it.
    ///
    /// - Throws: ``MitogenError`` with `.misuse` if the router is shut down.
    static func of(_ router: Router) throws(MitogenError) -> MitogenActorSystem {
        let key = ObjectIdentifier(router)
        if let known = systems.withLock({ $0[key] }) { return known }
        let made = try MitogenActorSystem(router)
        let system = systems.withLock { systems in
            if let other = systems[key] { return other }
            systems[key] = made
            // Who has the system can also decode actors.
            router.setCodingInformation(.actorSystemKey, to: made)
            return made
        }
        if system === made {
            router.broker.onExit { _ = systems.withLock { $0.removeValue(forKey: key) } }
        }
        return system
    }

    // MARK: Creating

    /// Creates an actor in a context.
    ///
    /// It lives there until ``release(_:timeout:)``, or until the context ends.
    ///
    /// - Parameters:
    ///   - type: The actor's type.
    ///   - arguments: What its initializer gets.
    ///   - context: Where it is to live: this context, or one below it.
    ///   - timeout: How long the call that creates it may take; for ever by default. In this context nothing is called.
    /// - Returns: A reference to it, which can be used like the actor itself, and be passed on.
    /// - Throws: As a call of its methods does, what the initializer throws among it; ``MitogenError`` with `.misuse` if
    ///   the actor's type is generic.
    public func create<Subject: CreatableActor>(
        _ type: Subject.Type,
        with arguments: Subject.Arguments,
        in context: Context,
        timeout: Duration? = nil
    ) async throws -> Subject {
        try ActorTarget.mangledName(of: type)
        if context.id == router.contextID {
            // Nothing has to travel.
            let actor = try await Subject(arguments, actorSystem: self)
            keep(actor)
            return actor
        }
        let id = try await rethrowing { () throws(MitogenError) in
            try await context.call(CreateActor<Subject>(arguments: arguments), timeout: timeout)
        }
        return try Subject.resolve(id: id, using: self)
    }

    /// Keeps an actor of this context alive until ``release(_:timeout:)``, or until the context ends.
    public func keep<Subject: DistributedActor>(_ actor: Subject) where Subject.ID == MitogenActorID {
        state.withLock { $0.actors[actor.id.token]?.kept = actor }
    }

    /// Lets go of an actor that ``create(_:with:in:timeout:)`` or ``keep(_:)`` keeps alive.
    ///
    /// - Parameters:
    ///   - actor: The actor.
    ///   - timeout: How long to wait at most; for ever by default.
    /// - Throws: ``MitogenError`` as a call. An actor that is gone already is no error.
    public func release<Subject: DistributedActor>(_ actor: Subject, timeout: Duration? = nil) async throws
    where Subject.ID == MitogenActorID {
        if isHere(actor.id) { return releaseHere(actor.id) }
        try await context(actor.id).call(ReleaseActor(id: actor.id), timeout: timeout)
    }

    func releaseHere(_ id: MitogenActorID) {
        // What the actor holds is let go outside the lock.
        let kept = state.withLock { $0.actors[id.token]?.kept.take() }
        withExtendedLifetime(kept) {}
    }

    // MARK: DistributedActorSystem

    public func assignID<Act: DistributedActor>(_ actorType: Act.Type) -> ActorID where Act.ID == ActorID {
        state.withLock { state in
            let id = MitogenActorID(contextID: router.contextID, handle: state.handle)
            state.actors[id.token] = Entry()
            return id
        }
    }

    public func actorReady<Act: DistributedActor>(_ actor: Act) where Act.ID == ActorID {
        state.withLock { $0.actors[actor.id.token]?.actor = actor }
    }

    public func resignID(_ id: ActorID) {
        _ = state.withLock { $0.actors.removeValue(forKey: id.token) }
    }

    public func resolve<Act: DistributedActor>(id: ActorID, as actorType: Act.Type) throws -> Act?
    where Act.ID == ActorID {
        try ActorTarget.mangledName(of: actorType)
        // Calls of an actor with a reserved handle would be orders to its context, given with this one's authority.
        guard id.handle >= StandardHandle.firstFree else {
            throw MitogenError(.unknownActor, "there is no actor with this id: \(id)")
        }
        guard isHere(id) else { return nil }
        guard let actor = actor(id.token) as? Act else {
            throw MitogenError(.unknownActor, "there is no \(String(reflecting: Act.self)) with this id: \(id)")
        }
        return actor
    }

    public func makeInvocationEncoder() -> ActorInvocationEncoder { ActorInvocationEncoder() }

    public func remoteCall<Act: DistributedActor, Err: Error, Res: Codable>(
        on actor: Act,
        target: RemoteCallTarget,
        invocation: inout InvocationEncoder,
        throwing: Err.Type,
        returning: Res.Type
    ) async throws -> Res where Act.ID == ActorID {
        try await rethrowing { [invocation] () throws(MitogenError) in
            try await send(invocation, to: actor.id, target).output()
        }
    }

    public func remoteCallVoid<Act: DistributedActor, Err: Error>(
        on actor: Act,
        target: RemoteCallTarget,
        invocation: inout InvocationEncoder,
        throwing: Err.Type
    ) async throws where Act.ID == ActorID {
        try await rethrowing { [invocation] () throws(MitogenError) in
            try await send(invocation, to: actor.id, target).success()
        }
    }

    // MARK: Calls

    private func send(
        _ invocation: InvocationEncoder,
        to id: MitogenActorID,
        _ target: RemoteCallTarget
    ) async throws(MitogenError) -> CallReply {
        try await context(id).request(at: id.handle, describedAs: "\(target)") { (options) throws(MitogenError) in
            try encode(invocation, for: id, target, options)
        }
    }

    /// Runs `body`, and throws what a method has thrown as it would in one process.
    private func rethrowing<Value>(_ body: () async throws(MitogenError) -> Value) async throws -> Value {
        do throws(MitogenError) {
            return try await body()
        } catch {
            if error.code == .cancelled { throw CancellationError() }
            throw original(of: error) ?? error
        }
    }

    /// The error that a method has thrown, if it is known here and can be decoded.
    private func original(of error: MitogenError) -> (any Error)? {
        // The name comes from outside, and the runtime's demangler can be crashed by names.
        guard let remote = error.remote, let value = remote.value, let name = remote.typeIdentifier,
            FunctionName.isValid(name), let type = _typeByName(name) as? any (Error & Decodable).Type,
            _mangledTypeName(type) == name, String(reflecting: type) == remote.typeName
        else { return nil }
        return try? router.decoder.decode(type, from: value)
    }

    private func encode(
        _ invocation: InvocationEncoder,
        for id: MitogenActorID,
        _ target: RemoteCallTarget,
        _ options: CallOptions
    ) throws(MitogenError) -> [UInt8] {
        do throws(PickleError) {
            return try ActorInvocation(
                token: id.token,
                target: target.identifier,
                substitutions: invocation.substitutions,
                arguments: invocation.arguments,
                options: options
            ).encoded
        } catch {
            throw MitogenError(.unencodable, "cannot encode the call of \(target): \(error)")
        }
    }

    private static let unknownMethod = "an unknown method of an actor"

    /// What a call is called in messages. It is not to be believed, so the runtime is not asked.
    private func name(of request: Message) -> String {
        guard let invocation = try? ActorInvocation(decoding: request.data), let actor = actor(invocation.token),
            let target = try? ActorTarget(invocation.target, of: type(of: actor))
        else { return Self.unknownMethod }
        return target.name
    }

    private func answer(_ request: ServedRequest) async throws -> [UInt8] {
        let invocation = try ActorInvocation(decoding: request.message.data)
        guard let actor = actor(invocation.token) else {
            throw MitogenError(.unknownActor, "the actor does not exist, or exists no more")
        }
        let target = try ActorTarget(invocation.target, of: type(of: actor))
        let result = ActorResult()
        return try await request.withTimeout(invocation.options, target.name) {
            try await self.execute(invocation, target, on: actor, ActorResultHandler(result: result))
            return try result.get()
        }
    }

    private func execute<Subject: DistributedActor>(
        _ invocation: ActorInvocation,
        _ target: ActorTarget,
        on actor: Subject,
        _ handler: ActorResultHandler
    ) async throws {
        var decoder = ActorInvocationDecoder(invocation, in: self)
        do {
            try await executeDistributedTarget(
                on: actor,
                target: RemoteCallTarget(target.identifier),
                invocationDecoder: &decoder,
                handler: handler
            )
        } catch is ExecuteDistributedTargetError {
            throw MitogenError(.callError, "the types that the call names do not fit \(target.name)")
        }
    }

    func decode<Value: Decodable>(
        _ type: Value.Type,
        from value: PickleValue,
        _ what: String
    ) throws(MitogenError) -> Value {
        do throws(PickleError) {
            return try router.decoder.decode(type, from: value)
        } catch {
            throw MitogenError(.streamError, "\(what) is not a \(type): \(error)")
        }
    }

    private func context(_ id: MitogenActorID) throws(MitogenError) -> Context {
        guard let context = router.context(id: id.contextID) else {
            throw MitogenError(.channelError, "no context is known for \(id)")
        }
        return context
    }

    private func isHere(_ id: MitogenActorID) -> Bool {
        id.contextID == router.contextID && id.handle == state.withLock { $0.handle }
    }

    private func actor(_ token: String) -> (any DistributedActor)? {
        state.withLock { $0.actors[token]?.actor }
    }
}

extension Router {
    /// The actor system of this router, which ends with it.
    ///
    /// - Throws: ``MitogenError`` with `.misuse` if the router is shut down.
    public var actorSystem: MitogenActorSystem {
        get throws(MitogenError) { try .of(self) }
    }
}
