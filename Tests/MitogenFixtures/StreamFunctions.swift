//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen
public import MitogenProtocol
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// How many values the streams of this process have sent.
private let sent = Mutex(0)

/// Sends the numbers from 0 on.
public struct Count: RemoteStream {
    public var limit: Int
    /// What each number has with it, in bytes.
    public var ballast: Int
    public var milliseconds: Int
    /// Whether it throws after the last one.
    public var fails: Bool
    /// Where it writes that it was cancelled.
    public var path: String?

    public struct Number: Codable, Sendable, Equatable {
        public var value: Int
        public var ballast: [UInt8]
    }

    public init(
        to limit: Int = .max,
        ballast: Int = 0,
        milliseconds: Int = 0,
        fails: Bool = false,
        path: String? = nil
    ) {
        self.limit = limit
        self.ballast = ballast
        self.milliseconds = milliseconds
        self.fails = fails
        self.path = path
    }

    public func run(in context: ExternalContext, yield: StreamWriter<Number>) async throws {
        defer { if let path { writeFile(path, Task.isCancelled ? "cancelled" : "returned") } }
        let ballast = [UInt8](repeating: 7, count: self.ballast)
        for value in 0..<limit {
            if milliseconds > 0 { try await Task.sleep(for: .milliseconds(milliseconds)) }
            try await yield(Number(value: value, ballast: ballast))
            sent.withLock { $0 += 1 }
        }
        if fails { throw OutOfStock(item: "numbers") }
    }
}

/// How many values the streams of the process have sent.
public struct ReadSent: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws -> Int {
        sent.withLock { $0 }
    }
}

/// Sends from several tasks at the same time.
public struct CountTogether: RemoteStream {
    public var tasks: Int
    public var each: Int

    public init(tasks: Int, each: Int) {
        self.tasks = tasks
        self.each = each
    }

    public func run(in context: ExternalContext, yield: StreamWriter<[Int]>) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<tasks {
                group.addTask { for number in 0..<each { try await yield([task, number]) } }
            }
            try await group.waitForAll()
        }
    }
}

/// Sends one value of any type.
public struct SendOne<Value: Codable & Sendable>: RemoteStream {
    public var value: Value

    public init(_ value: Value) {
        self.value = value
    }

    public func run(in context: ExternalContext, yield: StreamWriter<Value>) async throws {
        try await yield(value)
    }
}

/// Sends what cannot be read, or cannot be sent.
public struct SendBroken: RemoteStream {
    public var isUnwritable: Bool

    public enum Value: Codable, Sendable {
        case unreadable(Unreadable)
        case unwritable(Unwritable)
    }

    public init(isUnwritable: Bool) {
        self.isUnwritable = isUnwritable
    }

    public func run(in context: ExternalContext, yield: StreamWriter<Value>) async throws {
        try await yield(isUnwritable ? .unwritable(Unwritable()) : .unreadable(Unreadable()))
        try await Task.sleep(for: .seconds(1000))
    }
}

/// Sends the contexts that it was given, and what they say about themselves.
public struct AskAll: RemoteStream {
    public var contexts: [Context]

    public init(_ contexts: [Context]) {
        self.contexts = contexts
    }

    public func run(in context: ExternalContext, yield: StreamWriter<Context>) async throws {
        for other in contexts where try await other.call(WhoAmI()).callerID == context.contextID {
            try await yield(other)
        }
    }
}

/// Adds up what a stream in this very context sends.
public struct SumOfOwnStream: RemoteFunction {
    public var limit: Int

    public init(limit: Int) {
        self.limit = limit
    }

    public func run(in context: ExternalContext) async throws -> Int {
        var sum = 0
        for try await number in context.router.myself().stream(Count(to: limit), window: 1000) { sum += number.value }
        return sum
    }
}

/// Makes ``Count`` callable by name.
public struct RegisterCount: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws {
        try context.router.register("fixture.count", Count.self)
    }
}

/// Collects the numbers that a stream in another context sends.
public struct CollectFrom: RemoteFunction {
    public var context: Context
    public var stream: Count

    public init(_ context: Context, _ stream: Count) {
        self.context = context
        self.stream = stream
    }

    public func run(in context: ExternalContext) async throws -> [Int] {
        var values: [Int] = []
        for try await number in self.context.stream(stream) { values.append(number.value) }
        return values
    }
}

/// Sends an empty value, gives up sending a large one while its caller does nothing, and sends how many it gave up.
public struct GiveUpValues: RemoteStream {
    public var size: Int
    /// Where `blocked` stands when its caller does nothing, and where it writes `go` when the caller may go on.
    public var directory: String

    public init(of size: Int, in directory: String) {
        self.size = size
        self.directory = directory
    }

    public func run(in context: ExternalContext, yield: StreamWriter<[UInt8]>) async throws {
        defer { writeFile("\(directory)/go", "") }
        try await yield([])
        while access("\(directory)/blocked", F_OK) != 0 { try await Task.sleep(for: .milliseconds(5)) }
        let givenUp = await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                do throws(MitogenError) {
                    try await yield([UInt8](repeating: 1, count: size))
                    return false
                } catch {
                    return error.code == .cancelled
                }
            }
            try? await Task.sleep(for: .milliseconds(200))
            group.cancelAll()
            return await group.next() ?? false
        }
        writeFile("\(directory)/go", "")
        try await yield([givenUp ? 1 : 0])
    }
}

/// Looks like a stream's function to its caller, and sends without asking whether it may.
public struct Flood: RemoteFunction {
    public var handle: Handle

    public func run(in context: ExternalContext) async throws {
        for number in 0..<100_000 { try context.caller.send(.pickled(number, handle: handle)) }
        try await Task.sleep(for: .seconds(1000))
    }
}

/// Makes ``Flood`` callable by name.
public struct RegisterFlood: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws {
        try context.router.register("fixture.flood", Flood.self)
    }
}

/// Answers each number with its double, until there are no more; then with the sum.
public struct DoubleAll: BidirectionalStream {
    /// Answers nothing after so many, and returns.
    public var limit: Int
    /// Written when it ends, with how.
    public var path: String?

    public init(limit: Int = .max, path: String? = nil) {
        self.limit = limit
        self.path = path
    }

    public func run(in context: ExternalContext, input: Receiver<Int>, yield: StreamWriter<Int>) async throws {
        defer { if let path { writeFile(path, Task.isCancelled ? "cancelled" : "returned") } }
        var (sum, count) = (0, 0)
        for try await number in input {
            sum += number
            count += 1
            if count > limit { throw OutOfStock(item: "numbers") }
            try await yield(2 * number)
        }
        try await yield(sum)
    }
}

/// Notes in a file that its time is over.
public struct NoteDeadline: RemoteFunction {
    public var path: String

    public init(_ path: String) {
        self.path = path
    }

    public func run(in context: ExternalContext) async throws {
        do {
            try await Task.sleep(for: .seconds(100))
        } catch {
            writeFile(path, context.deadline == nil ? "cancelled" : "out of time")
            throw error
        }
    }
}
