//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen
internal import MitogenPickle
internal import MitogenProtocol

/// Sends another context everything that only its ancestors, or its own parent, may say to it.
public struct GiveOrders: RemoteFunction {
    public var target: ContextID
    /// A context that the target leads to.
    public var below: ContextID

    public init(to target: ContextID, below: ContextID) {
        self.target = target
        self.below = below
    }

    /// - Returns: What the target answers to calls and to requests that it end.
    public func run(in context: ExternalContext) async throws -> [String] {
        guard let other = context.router.context(id: target) else { return [] }
        for handle in Array(Handle(100)...113) + Array(200...209) {
            try other.send(Message(handle: handle))
            try other.send(.pickled(PickleValue.none, handle: handle))
        }
        try giveOwnOrders(other)
        try tellOfRoutes(other)
        try meddle(other)
        var answers: [String] = []
        for handle in [StandardHandle.callFunction, StandardHandle.shutdown] {
            answers.append(try await answer(of: other, at: handle))
        }
        do throws(MitogenError) {
            _ = try await other.call(Add(1, 2), timeout: .seconds(10))
        } catch {
            answers.append(error.message)
        }
        return answers
    }

    private func giveOwnOrders(_ other: Context) throws {
        try other.callNoReply(Crash(.kill))
        try other.send(Message(handle: StandardHandle.shutdown))
        let weaker = ChildConfiguration(
            parentIDs: [0],
            contextID: target,
            debug: false,
            profiling: false,
            unidirectional: false,
            maxMessageSize: 1,
            logLevel: 0,
            version: "",
            remoteName: "",
            image: "",
            ancestors: []
        )
        try other.send(.pickled(weaker, handle: StandardHandle.configure))
    }

    private func tellOfRoutes(_ other: Context) throws {
        for id in [target, below, 0] {
            let info = RouteInfo(id: id, info: PeerInfo(revision: 0, capabilities: 0))
            try other.send(.pickled(info, handle: StandardHandle.routeInfo))
            try other.send(.pickled(RouteLoss(id: id, reason: "a lie"), handle: StandardHandle.routeLost))
            try other.send(RouteAnnouncement(id: id).deleted)
            try other.send(RouteAnnouncement(id: id, name: "a lie").added)
        }
    }

    /// Takes the calls and commands of others to be its own.
    private func meddle(_ other: Context) throws {
        for handle in Handle(1000)..<1200 {
            for isTimeout in [false, true] {
                let data = CallCancellation(replyTo: handle, isTimeout: isTimeout).data
                try other.send(Message(handle: StandardHandle.cancelCall, data: data))
            }
            let input: PickleDictionary = [
                "handle": .int(Int(handle)), "input": .bytes(Array("forged".utf8)), "endsInput": true,
            ]
            try other.send(.pickled(PickleValue.dictionary(input), handle: StandardHandle.processInput))
        }
    }

    private func answer(of other: Context, at handle: Handle) async throws -> String {
        let answer = try await other.startRequest(Message(handle: handle)).get(timeout: .seconds(10), throwsDead: false)
        return answer.isDead ? answer.deadReason(localID: .max) : "accepted"
    }
}

/// Connects through a context which answers that it has started another one, which is there already.
public struct ConnectThroughLiar: RemoteFunction {
    /// What became of it.
    public struct Outcome: Codable, Sendable, Equatable {
        public var error: String
        public var victimName: String?
        public var victimIsKept: Bool
    }

    /// The program that the liar runs, without what it does.
    public var rawChild: [String]

    public init(rawChild: [String]) {
        self.rawChild = rawChild
    }

    public func run(in context: ExternalContext) async throws -> Outcome {
        try await run(with: context.router)
    }

    public func run(with router: Router) async throws -> Outcome {
        let between = try await router.local { $0.name = "between" }
        let victim = try await router.local(via: between) { $0.name = "victim" }
        let liar = try await router.local(via: between) {
            $0.name = "liar"
            $0.executable = rawChild + ["name-\(victim.id)"]
        }
        var error = "none"
        do throws(MitogenError) {
            _ = try await router.local(via: liar)
        } catch let failure {
            error = "\(failure.code): \(failure.message)"
        }
        let isKept = try await victim.call(Add(1, 2)) == 3 && victim.via == between
        return Outcome(error: error, victimName: victim.name, victimIsKept: isKept)
    }
}

/// Says in names and reasons as much as can be put into one character.
public struct AnnounceLongNames: RemoteFunction {
    public init() {}

    /// - Returns: The number of a context that it has announced.
    public func run(in context: ExternalContext) async throws -> ContextID {
        guard let parent = context.router.parentID.flatMap({ context.router.context(id: $0) }) else { return 0 }
        let id = try await context.router.allocateID()
        try parent.send(RouteAnnouncement(id: id, name: Self.character).added)
        return id
    }

    /// A letter with very many accents.
    static let character = "a" + String(repeating: "\u{301}", count: 1_500)
}

/// Takes back what ``AnnounceLongNames`` has announced.
public struct WithdrawAtLength: RemoteFunction {
    public var id: ContextID

    public init(_ id: ContextID) {
        self.id = id
    }

    public func run(in context: ExternalContext) async throws {
        guard let parent = context.router.parentID.flatMap({ context.router.context(id: $0) }) else { return }
        let loss = RouteLoss(id: id, reason: AnnounceLongNames.character)
        try parent.send(.pickled(loss, handle: StandardHandle.routeLost))
        try parent.send(RouteAnnouncement(id: id).deleted)
    }
}

/// Says of very many contexts why they are gone, but not that they are.
public struct GiveReasons: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws {
        guard let parent = context.router.parentID.flatMap({ context.router.context(id: $0) }) else { return }
        for _ in 0..<10_000 {
            let id = try await context.router.allocateID()
            try parent.send(RouteAnnouncement(id: id, name: "n").added)
            try parent.send(.pickled(RouteLoss(id: id, reason: "a lie"), handle: StandardHandle.routeLost))
        }
    }
}

/// Asks a handle of another context so many times, and says when it has.
public struct AskMany: RemoteFunction {
    public var id: ContextID
    public var handle: Handle
    public var count: Int
    /// A handle of the master.
    public var tells: Handle

    public init(_ count: Int, of id: ContextID, at handle: Handle, tells: Handle) {
        self.count = count
        self.id = id
        self.handle = handle
        self.tells = tells
    }

    /// - Returns: The reasons of those that got no answer.
    public func run(in context: ExternalContext) async throws -> [String] {
        let other = context.router.context(id: id) ?? context.caller
        let pending = try (0..<count).map { _ in try other.startRequest(Message(handle: handle)) }
        context.router.route(Message(handle: tells))
        var reasons: [String] = []
        for answer in pending {
            let message = try await answer.get(throwsDead: false)
            if message.isDead { reasons.append(message.deadReason(localID: .max)) }
        }
        return reasons
    }
}

/// Answers what comes to a handle with so many bytes.
public struct AnswerAtLength: RemoteFunction {
    public var handle: Handle
    public var byteCount: Int

    public init(at handle: Handle, _ byteCount: Int) {
        self.handle = handle
        self.byteCount = byteCount
    }

    public func run(in context: ExternalContext) async throws {
        let answer = Message(handle: 0, data: [UInt8](repeating: 1, count: byteCount))
        try context.router.addHandler(at: handle) { [weak router = context.router] message in
            if let router { message.reply(with: answer, through: router) }
        }
    }
}

/// Claims to lead to contexts that others are to start.
public struct ClaimRoutes: RemoteFunction {
    public var first: ContextID
    public var count: ContextID

    public init(to first: ContextID, count: ContextID) {
        self.first = first
        self.count = count
    }

    public func run(in context: ExternalContext) async throws {
        guard let parent = context.router.parentID.flatMap({ context.router.context(id: $0) }) else { return }
        for id in first..<first + count {
            // Whose a block is only a parent says, and this is none.
            var lie = RouteAnnouncement(id: id - id % 1000, name: "\(context.contextID)").added
            lie.handle = StandardHandle.blockOwner
            try parent.send(lie)
            try parent.send(RouteAnnouncement(id: id, name: "stolen").added)
        }
    }
}
