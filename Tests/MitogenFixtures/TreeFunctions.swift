//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen
public import MitogenProtocol

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Who a context is, as its functions see it.
public struct WhoAmI: RemoteFunction {
    public struct Report: Codable, Sendable, Equatable {
        public var contextID: ContextID
        public var parentID: ContextID?
        public var parentIDs: [ContextID]
        public var callerID: ContextID
        public var isMaster: Bool
        /// The same as told by the task local value, in the function and in a task that it started.
        public var taskLocalIDs: [ContextID]
        public var taskLocalParentIDs: [ContextID]
        public var taskLocalIsMaster: Bool
        /// The same in a task that inherits nothing.
        public var detachedIDs: [ContextID]
        public var detachedIsMaster: Bool
        public var masterID: ContextID
        public var directParentID: ContextID?
        public var isUnidirectional: Bool
        public var maxMessageSize: Int
    }

    public init() {}

    public func run(in context: ExternalContext) async throws -> Report {
        let inTask = await Task { Mitogen.contextID }.value
        let detached = await Task.detached {
            (ids: [Mitogen.contextID] + Mitogen.parentIDs, isMaster: Mitogen.isMaster)
        }.value
        return Report(
            contextID: context.contextID,
            parentID: context.parentID,
            parentIDs: context.parentIDs,
            callerID: context.caller.id,
            isMaster: context.isMaster,
            taskLocalIDs: [Mitogen.contextID, inTask],
            taskLocalParentIDs: Mitogen.parentIDs,
            taskLocalIsMaster: Mitogen.isMaster,
            detachedIDs: detached.ids,
            detachedIsMaster: detached.isMaster,
            masterID: context.master.id,
            directParentID: context.parent?.id,
            isUnidirectional: context.router.isUnidirectional,
            maxMessageSize: context.router.maxMessageSize
        )
    }
}

/// Starts a context from where it runs, and returns it.
public struct StartChild: RemoteFunction {
    public var name: String
    public var executable: [String]?

    public init(name: String, executable: [String]? = nil) {
        self.name = name
        self.executable = executable
    }

    public func run(in context: ExternalContext) async throws -> Context {
        try await context.router.local {
            $0.name = name
            $0.executable = executable
        }
    }
}

/// Starts a context that is to pass messages between all others.
public struct StartWeaker: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws -> Context {
        try await context.router.local { $0.isUnidirectional = false }
    }
}

/// The same through another context.
public struct StartWeakerIn: RemoteFunction {
    public var context: Context

    public init(_ context: Context) {
        self.context = context
    }

    public func run(in context: ExternalContext) async throws -> Context {
        try await context.router.local(via: self.context) { $0.isUnidirectional = false }
    }
}

/// Adds two numbers in another context.
public struct AddIn: RemoteFunction {
    public var context: Context
    public var left: Int
    public var right: Int

    public init(_ context: Context, _ left: Int, _ right: Int) {
        self.context = context
        self.left = left
        self.right = right
    }

    public func run(in context: ExternalContext) async throws -> Int {
        try await self.context.call(Add(left, right))
    }
}

/// Who called a function in another context that this one calls.
public struct CallerOfNested: RemoteFunction {
    public var context: Context

    public init(_ context: Context) {
        self.context = context
    }

    public func run(in context: ExternalContext) async throws -> ContextID {
        try await self.context.call(WhoAmI()).callerID
    }
}

/// Waits in another context until it is cancelled.
public struct ReportCancellationIn: RemoteFunction {
    public var context: Context
    public var path: String

    public init(_ context: Context, path: String) {
        self.context = context
        self.path = path
    }

    public func run(in context: ExternalContext) async throws {
        try await self.context.call(ReportCancellation(path: path))
    }
}

/// Adds in the context that it runs in, by a call to itself.
public struct AddInMyself: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws -> Int {
        try await context.router.myself().call(Add(20, 22))
    }
}

/// Sends a text to a handle of another context and returns the answer.
public struct Ask: RemoteFunction {
    public var id: ContextID
    public var handle: Handle
    public var text: String
    public var timeout: Double?

    public init(_ id: ContextID, _ handle: Handle, _ text: String, timeout: Double? = nil) {
        self.id = id
        self.handle = handle
        self.text = text
        self.timeout = timeout
    }

    public func run(in context: ExternalContext) async throws -> String {
        guard let target = context.router.context(id: id) else { return "no such context" }
        let question = Message(handle: handle, data: Array(text.utf8))
        let answer = try await target.request(question, timeout: timeout.map { .seconds($0) })
        return String(decoding: answer.data, as: UTF8.self)
    }
}

/// Asks another context to end, and waits until it has.
public struct ShutDown: RemoteFunction {
    public var id: ContextID

    public init(_ id: ContextID) {
        self.id = id
    }

    public func run(in context: ExternalContext) async throws {
        try await context.router.context(id: id)?.shutdown(waits: true)
    }
}

/// Sends a text to a handle of another context, and wants no answer.
public struct Tell: RemoteFunction {
    public var id: ContextID
    public var handle: Handle
    public var text: String

    public init(_ id: ContextID, _ handle: Handle, _ text: String) {
        self.id = id
        self.handle = handle
        self.text = text
    }

    public func run(in context: ExternalContext) async throws {
        try context.router.context(id: id)?.send(Message(handle: handle, data: Array(text.utf8)))
    }
}

/// Registers a handler that answers with what it gets.
public struct Listen: RemoteFunction {
    public enum Policy: String, Codable, Sendable {
        case anyone
        case parents
        case immediatePeer
        /// Only messages from context 2.
        case custom
    }

    public var handle: Handle
    public var policy: Policy
    public var persists: Bool
    /// A handle of the master that is told of messages, which then get no answer.
    public var tells: Handle?

    public init(at handle: Handle, policy: Policy = .anyone, persists: Bool = true, tells: Handle? = nil) {
        self.handle = handle
        self.policy = policy
        self.persists = persists
        self.tells = tells
    }

    public func run(in context: ExternalContext) async throws -> Handle {
        let router = context.router
        let policy: HandlePolicy =
            switch self.policy {
            case .anyone: .anyone
            case .parents: .parents
            case .immediatePeer: .immediatePeer
            case .custom: .custom { header, _ in header.srcID == 2 }
            }
        return try router.addHandler(at: handle, persists: persists, policy: policy) { [weak router, tells] message in
            if let tells {
                router?.route(Message(handle: tells))
                return
            }
            if let reply = message.replying(with: Message(handle: 0, data: message.data)) { router?.route(reply) }
        }
    }
}

/// Makes functions callable by name.
public struct RegisterNames: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws {
        try context.router.register("fixture.add", Add.self)
        try context.router.register("fixture.nothing", DoNothing.self)
    }
}

/// Runs a command where it runs.
public struct RunHere: RemoteFunction {
    public var arguments: [String]

    public init(_ arguments: [String]) {
        self.arguments = arguments
    }

    public func run(in context: ExternalContext) async throws -> String {
        try await context.router.myself().run(arguments).outputText
    }
}

/// Starts a context, lets go of the parent, and writes to a file what the context says after that, which number it has
/// as a process, and who this context is by then.
public struct DetachAndWork: RemoteFunction {
    public var path: String

    public init(path: String) {
        self.path = path
    }

    public func run(in context: ExternalContext) async throws {
        let child = try await context.router.local()
        let pid = try await child.call(ProcessID())
        try await context.detach()
        // Nobody takes this any more, and nobody waits for it.
        for number in 0..<20_000 { print("line \(number) of a context that is on its own") }
        let sum = try await child.call(Add(1, 2))
        writeFile(path, "\(sum) \(pid) \(context.parentIDs.count) \(context.parentID == nil)")
    }
}

/// Lets go of the parent while it waits for others, and writes to a file what has become of that.
public struct DetachAndWait: RemoteFunction {
    public var path: String
    /// A context beside this one, which gives no answers.
    public var sibling: ContextID
    /// A handle, there and in the master.
    public var handle: Handle

    public init(path: String, sibling: ContextID, handle: Handle) {
        self.path = path
        self.sibling = sibling
        self.handle = handle
    }

    public func run(in context: ExternalContext) async throws {
        let contexts = [context.master, context.router.context(id: sibling) ?? context.master]
        let answers = try contexts.map { try $0.startRequest(Message(handle: handle)) }
        let receiver = try Receiver<Int>(router: context.router, respondent: context.master)
        try await context.detach()
        var codes: [String] = []
        for answer in answers {
            do throws(MitogenError) {
                _ = try await answer.get(timeout: .seconds(10))
            } catch {
                codes.append("\(error.code)")
            }
        }
        do throws(MitogenError) {
            _ = try await receiver.get(timeout: .seconds(10))
        } catch {
            codes.append("\(error.code)")
        }
        writeFile(path, codes.joined(separator: " "))
        exit(0)
    }
}
