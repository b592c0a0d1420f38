//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen
public import MitogenServices
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Keeps a list of words, and counts how many requests run at the same time.
public actor Notebook: ActivatableService {
    public static let methods: [any ServiceMethod.Type] = [
        Write.self, ReadAll.self, Tear.self, Wait.self, OwnerOnly.self, Peak.self, Running.self, TimeLeft.self,
        PassBack.self,
    ]

    private var words: [String] = []
    private var running = 0
    private var peak = 0

    public init(router: Router) async throws {}

    public struct Torn: Error, Codable {}

    public struct Write: ServiceMethod {
        public static let policy = ServicePolicy.anyone
        public var word: String

        public init(_ word: String) {
            self.word = word
        }

        public func run(in notebook: Notebook, for request: ServiceRequest) async throws -> Int {
            await notebook.append(word)
        }
    }

    public struct ReadAll: ServiceMethod {
        public init() {}

        public func run(in notebook: Notebook, for request: ServiceRequest) async throws -> [String] {
            await notebook.words
        }
    }

    public struct Tear: ServiceMethod {
        public init() {}

        public func run(in notebook: Notebook, for request: ServiceRequest) async throws { throw Torn() }
    }

    public struct Wait: ServiceMethod {
        public static let policy = ServicePolicy.anyone
        public var milliseconds: Int

        public init(milliseconds: Int) {
            self.milliseconds = milliseconds
        }

        public func run(in notebook: Notebook, for request: ServiceRequest) async throws {
            await notebook.begin()
            do {
                try await Task.sleep(for: .milliseconds(milliseconds))
            } catch {
                await notebook.end()
                throw error
            }
            await notebook.end()
        }
    }

    public struct Peak: ServiceMethod {
        public init() {}

        public func run(in notebook: Notebook, for request: ServiceRequest) async throws -> Int { await notebook.peak }
    }

    /// How many of ``Wait`` run now.
    public struct Running: ServiceMethod {
        public init() {}

        public func run(in notebook: Notebook, for request: ServiceRequest) async throws -> Int {
            await notebook.running
        }
    }

    /// How many seconds it has.
    public struct TimeLeft: ServiceMethod {
        public static let policy = ServicePolicy.anyone

        public init() {}

        public func run(in notebook: Notebook, for request: ServiceRequest) async throws -> Double? {
            ExternalContext.current?.deadline.map { ContinuousClock.now.duration(to: $0) / .seconds(1) }
        }
    }

    /// Gives back what sends elsewhere, and the context that this is.
    public struct PassBack: ServiceMethod {
        public struct Parts: Codable, Sendable {
            public var sender: Sender<Int>
            public var context: Context
        }

        public var sender: Sender<Int>

        public init(_ sender: Sender<Int>) {
            self.sender = sender
        }

        public func run(in notebook: Notebook, for request: ServiceRequest) async throws -> Parts {
            Parts(sender: sender, context: request.router.myself())
        }
    }

    public struct OwnerOnly: ServiceMethod {
        public static let policy = ServicePolicy.own

        public init() {}

        public func run(in notebook: Notebook, for request: ServiceRequest) async throws -> Bool { true }
    }

    private func append(_ word: String) -> Int {
        words.append(word)
        return words.count
    }

    private func begin() {
        running += 1
        peak = max(peak, running)
    }

    private func end() { running -= 1 }
}

/// Takes one request after the other.
public final class Queue: ActivatableService {
    public static let ordering = ServiceOrdering.serial
    public static let methods: [any ServiceMethod.Type] = [Push.self]

    private let notebook: Notebook

    public init(router: Router) async throws {
        notebook = try await Notebook(router: router)
    }

    public struct Push: ServiceMethod {
        public var number: Int
        /// What is sent along, to make requests of different sizes.
        public var ballast: [UInt8]

        public init(_ number: Int, ballast: Int) {
            self.number = number
            self.ballast = [UInt8](repeating: 0, count: ballast)
        }

        public func run(in queue: Queue, for request: ServiceRequest) async throws -> Int {
            // The later a request comes the sooner it would be done, were it not its turn.
            try await Task.sleep(for: .microseconds(max(0, 20 - number) * 100))
            return try await Notebook.Write("\(number)").run(in: queue.notebook, for: request)
        }
    }
}

/// Takes its time to begin, then one number after the other.
public actor Ledger: ActivatableService {
    public static let ordering = ServiceOrdering.serial
    public static let methods: [any ServiceMethod.Type] = [Enter.self, ReadAll.self]

    private var numbers: [Int] = []

    public init(router: Router) async throws {
        try await Task.sleep(for: .milliseconds(100))
    }

    public struct Enter: ServiceMethod {
        public static let policy = ServicePolicy.anyone
        public var number: Int
        /// What is sent along, to make requests that take long to decode.
        public var ballast: [Int]

        public init(_ number: Int, ballast: Int = 0) {
            self.number = number
            self.ballast = [Int](repeating: 1, count: ballast)
        }

        public func run(in ledger: Ledger, for request: ServiceRequest) async throws { await ledger.enter(number) }
    }

    public struct ReadAll: ServiceMethod {
        public init() {}

        public func run(in ledger: Ledger, for request: ServiceRequest) async throws -> [Int] { await ledger.numbers }
    }

    private func enter(_ number: Int) { numbers.append(number) }
}

/// Bakes what is ordered once for all who want the same.
public actor Oven: ActivatableService {
    public static let ordering = ServiceOrdering.deduplicating
    public static let methods: [any ServiceMethod.Type] = [Bake.self, Wasted.self]

    public struct Burnt: Error {}

    private var batches = 0
    private var wasted = 0

    public init(router: Router) async throws {}

    public struct Bake: ServiceMethod {
        public static let policy = ServicePolicy.parents
        public var recipe: [String: Int]
        public var milliseconds: Int

        public init(_ recipe: [String: Int], milliseconds: Int = 50) {
            self.recipe = recipe
            self.milliseconds = milliseconds
        }

        /// The number of the batch.
        public func run(in oven: Oven, for request: ServiceRequest) async throws -> Int {
            let batch = await oven.begin()
            do {
                try await Task.sleep(for: .milliseconds(milliseconds))
            } catch {
                await oven.waste()
                throw error
            }
            if recipe["stones"] != nil { throw Burnt() }
            return batch
        }
    }

    /// How many batches were given up. Asked with another number it is another question.
    public struct Wasted: ServiceMethod {
        public var question: Int

        public init(question: Int) {
            self.question = question
        }

        public func run(in oven: Oven, for request: ServiceRequest) async throws -> Int { await oven.wasted }
    }

    private func begin() -> Int {
        batches += 1
        return batches
    }

    private func waste() { wasted += 1 }
}

/// Has two methods that nobody could tell apart.
public final class Twins: Service {
    public static let methods: [any ServiceMethod.Type] = [Left.Speak.self, Right.Speak.self]

    public init() {}

    public enum Left {
        public struct Speak: ServiceMethod {
            public func run(in twins: Twins, for request: ServiceRequest) async throws {}
        }
    }

    public enum Right {
        public struct Speak: ServiceMethod {
            public func run(in twins: Twins, for request: ServiceRequest) async throws {}
        }
    }
}

/// Writes to a file what becomes of it.
public final class Diary: ActivatableService {
    public static let methods: [any ServiceMethod.Type] = [Open.self, Wait.self]

    private let path = Mutex<String?>(nil)

    public init(router: Router) async throws {}

    public struct Open: ServiceMethod {
        public var path: String

        public init(_ path: String) {
            self.path = path
        }

        public func run(in diary: Diary, for request: ServiceRequest) async throws {
            diary.path.withLock { $0 = path }
        }
    }

    /// Waits until it is cancelled, and then a moment more.
    public struct Wait: ServiceMethod {
        public init() {}

        public func run(in diary: Diary, for request: ServiceRequest) async throws {
            diary.note("waits")
            try? await Task.sleep(for: .seconds(1000))
            // Unstructured, so that this sleep is not cancelled.
            await Task { try? await Task.sleep(for: .milliseconds(100)) }.value
            diary.note("has waited")
        }
    }

    public func shutdown() async {
        note("ends")
        try? await Task.sleep(for: .milliseconds(200))
        note("has ended")
    }

    private func note(_ line: String) {
        guard let path = path.withLock({ $0 }) else { return }
        appendLine(line, to: path)
    }
}

/// Asks the notebook of another context to wait.
public struct WaitElsewhere: RemoteFunction {
    public var context: Context
    public var timeout: Double?

    public init(_ context: Context, timeout: Double? = nil) {
        self.context = context
        self.timeout = timeout
    }

    public func run(in context: ExternalContext) async throws {
        try await self.context.callService(
            Notebook.Wait(milliseconds: 100_000),
            timeout: timeout.map { .seconds($0) }
        )
    }
}

/// How much time the notebook of another context has for a request.
public struct TimeLeftElsewhere: RemoteFunction {
    public var context: Context

    public init(_ context: Context) {
        self.context = context
    }

    public func run(in context: ExternalContext) async throws -> Double? {
        try await self.context.callService(Notebook.TimeLeft())
    }
}

/// Starts a request to the notebook of its own context that would wait for ever, and writes to a file how that ends.
public struct StartWaitAndTell: RemoteFunction {
    public var path: String

    public init(path: String) {
        self.path = path
    }

    public func run(in context: ExternalContext) async throws {
        let pending = try context.router.myself().startServiceCall(Notebook.Wait(milliseconds: 100_000))
        // Unstructured, so that it is not cancelled with this function.
        let waiter = Task {
            do throws(MitogenError) {
                try await pending.get()
                return "returned"
            } catch {
                return "\(error.code)"
            }
        }
        appendLine(await waiter.value, to: path)
    }
}

private func appendLine(_ line: String, to path: String) {
    let file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    guard file >= 0 else { return }
    var text = line + "\n"
    text.withUTF8 { _ = write(file, $0.baseAddress, $0.count) }
    close(file)
}

/// Makes ``Notebook`` known in a context, and the pool that would make it.
public struct KnowNotebook: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws {
        ServicePool.register(Notebook.self)
        _ = try context.router.services
    }
}

/// Writes into the notebook of another context, from the one that this runs in.
public struct WriteElsewhere: RemoteFunction {
    public var context: Context
    public var word: String

    public init(_ context: Context, _ word: String) {
        self.context = context
        self.word = word
    }

    public func run(in context: ExternalContext) async throws -> Int {
        try await self.context.callService(Notebook.Write(word))
    }
}

/// Asks for everything in the notebook of another context.
public struct ReadElsewhere: RemoteFunction {
    public var context: Context

    public init(_ context: Context) {
        self.context = context
    }

    public func run(in context: ExternalContext) async throws -> [String] {
        try await self.context.callService(Notebook.ReadAll())
    }
}

/// Wants something baked in another context.
public struct BakeElsewhere: RemoteFunction {
    public var context: Context
    public var recipe: [String: Int]

    public init(_ context: Context, _ recipe: [String: Int]) {
        self.context = context
        self.recipe = recipe
    }

    public func run(in context: ExternalContext) async throws -> Int {
        try await self.context.callService(Oven.Bake(recipe))
    }
}
