//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen
internal import MitogenPickle
internal import MitogenProtocol

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Sends numbers from 0 on, and says that these were all.
public struct SendNumbers: RemoteFunction {
    public var sender: Sender<Int>
    public var count: Int
    public var closes: Bool

    public init(_ count: Int, to sender: Sender<Int>, closes: Bool = true) {
        self.sender = sender
        self.count = count
        self.closes = closes
    }

    public func run(in context: ExternalContext) async throws {
        for number in 0..<count { try await sender.send(number) }
        if closes { sender.close() }
    }
}

/// Sends blocks of bytes.
public struct SendBlocks: RemoteFunction {
    public var sender: Sender<[UInt8]>
    public var size: Int
    public var count: Int

    public init(_ count: Int, of size: Int, to sender: Sender<[UInt8]>) {
        self.sender = sender
        self.size = size
        self.count = count
    }

    public func run(in context: ExternalContext) async throws {
        for index in 0..<count {
            try await sender.send([UInt8](repeating: UInt8(truncatingIfNeeded: index), count: size))
        }
        sender.close()
    }
}

/// Sends a number every few milliseconds until that fails, and tells how.
public struct SendUntilFailure: RemoteFunction {
    public struct Report: Codable, Sendable {
        public var sent: Int
        public var code: String
        public var message: String
    }

    public var sender: Sender<Int>

    public init(to sender: Sender<Int>) {
        self.sender = sender
    }

    public func run(in context: ExternalContext) async throws -> Report {
        for number in 0..<5000 {
            do throws(MitogenError) {
                try await sender.send(number)
            } catch {
                return Report(sent: number, code: error.code.description, message: error.message)
            }
            try await Task.sleep(for: .milliseconds(2))
        }
        return Report(sent: 5000, code: "none", message: "")
    }
}

/// Sends numbers, then its process ends without a word.
public struct SendAndDie: RemoteFunction {
    public var sender: Sender<Int>
    public var count: Int

    public init(_ count: Int, to sender: Sender<Int>) {
        self.sender = sender
        self.count = count
    }

    public func run(in context: ExternalContext) async throws {
        for number in 0..<count { try await sender.send(number) }
        // The answer comes when everything that was sent before has arrived.
        _ = try await context.router.allocateID()
        kill(getpid(), SIGKILL)
    }
}

/// Receives numbers, tells where to send them, and returns what it has got.
public struct ReceiveNumbers: RemoteFunction {
    public var introduction: Sender<Sender<Int>>
    /// How many to take; until the end if there is no number.
    public var limit: Int?
    /// Whether the process ends after that, without a word.
    public var dies: Bool

    public init(introduction: Sender<Sender<Int>>, limit: Int? = nil, dies: Bool = false) {
        self.introduction = introduction
        self.limit = limit
        self.dies = dies
    }

    public func run(in context: ExternalContext) async throws -> [Int] {
        let receiver = try Receiver<Int>(router: context.router)
        try await introduction.send(receiver.makeSender())
        var numbers: [Int] = []
        if limit != 0 {
            for try await number in receiver {
                numbers.append(number)
                if numbers.count == limit { break }
            }
        }
        if dies { kill(getpid(), SIGKILL) }
        return numbers
    }
}

/// Plays with another context: each one sends back what it gets, plus one, until it is enough.
public struct PlayPingPong: RemoteFunction {
    public struct Player: Codable, Sendable {
        public var ball: Sender<Int>
        public var partner: Sender<Sender<Int>>
    }

    public var introduction: Sender<Player>
    public var rounds: Int
    public var serves: Bool

    public init(introduction: Sender<Player>, rounds: Int, serves: Bool) {
        self.introduction = introduction
        self.rounds = rounds
        self.serves = serves
    }

    public func run(in context: ExternalContext) async throws -> Int {
        let balls = try Receiver<Int>(router: context.router)
        let partners = try Receiver<Sender<Int>>(router: context.router)
        try await introduction.send(Player(ball: balls.makeSender(), partner: partners.makeSender()))
        let partner = try await partners.get()
        var last = 0
        if serves { try await partner.send(1) }
        for _ in 0..<rounds {
            last = try await balls.get()
            if last < 2 * rounds { try await partner.send(last + 1) }
        }
        return last
    }
}

/// Sends messages of all kinds, as programs without senders may.
public struct SendRaw: RemoteFunction {
    public enum Kind: Codable, Sendable {
        case number(Int)
        case text(String)
        case bytes([UInt8])
        case failure(String)
        case dead(String)
        /// So many bytes.
        case size(Int)
    }

    public var id: ContextID
    public var handle: Handle
    public var kinds: [Kind]

    public init(_ kinds: [Kind], to id: ContextID = 0, _ handle: Handle) {
        self.id = id
        self.handle = handle
        self.kinds = kinds
    }

    public func run(in context: ExternalContext) async throws {
        guard let target = context.router.context(id: id) else { return }
        for kind in kinds {
            switch kind {
            case .number(let number): try target.send(.pickled(number, handle: handle))
            case .text(let text): try target.send(.pickled(text, handle: handle))
            case .bytes(let bytes): try target.send(Message(handle: handle, data: bytes))
            case .failure(let text): try target.send(.pickled(PickleValue.callError(text), handle: handle))
            case .dead(let reason): try target.send(.dead(reason, handle: handle))
            case .size(let count): try target.send(Message(handle: handle, data: [UInt8](repeating: 0, count: count)))
            }
        }
    }
}

/// Opens a channel again and again, each time with a full window of values, until that is refused. Returns how often it
/// was not.
public struct OpenAgain: RemoteFunction {
    public var receiver: Handle

    public init(_ receiver: Handle) {
        self.receiver = receiver
    }

    public func run(in context: ExternalContext) async throws -> Int {
        let opening = ChannelOpening(handle: receiver, returnHandle: 5000)
        let value = Message(handle: receiver, replyTo: opening.returnHandle, data: [UInt8](repeating: 1, count: 1000))
        for count in 0..<10 {
            let question = Message(handle: StandardHandle.openChannel, data: opening.data)
            guard (try? await context.caller.request(question)) != nil else { return count }
            for _ in 0..<ChannelOpening.window.items { try context.caller.send(value) }
        }
        return 10
    }
}

/// Receives blocks, tells where to send them, and returns how many bytes they had together.
public struct ReceiveBlocks: RemoteFunction {
    public var introduction: Sender<Sender<[UInt8]>>

    public init(introduction: Sender<Sender<[UInt8]>>) {
        self.introduction = introduction
    }

    public func run(in context: ExternalContext) async throws -> Int {
        let receiver = try Receiver<[UInt8]>(router: context.router)
        try await introduction.send(receiver.makeSender())
        var count = 0
        for try await block in receiver { count += block.count }
        return count
    }
}

/// Sends blocks until it is cancelled.
public struct SendBlocksForever: RemoteFunction {
    public var sender: Sender<[UInt8]>
    public var size: Int

    public init(of size: Int, to sender: Sender<[UInt8]>) {
        self.sender = sender
        self.size = size
    }

    public func run(in context: ExternalContext) async throws {
        let block = [UInt8](repeating: 1, count: size)
        while true { try await sender.send(block) }
    }
}
