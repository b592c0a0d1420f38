//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen
public import MitogenServices

/// Keeps a list of words, and counts how many requests run at the same time.
public actor Notebook: ActivatableService {
    public static let methods: [any ServiceMethod.Type] = [
        Write.self, ReadAll.self, Tear.self, Wait.self, OwnerOnly.self, Peak.self, Running.self,
    ]

    private var words: [String] = []
    private var running = 0
    private var peak = 0

    public init(router: Router) async throws {}

    public struct Torn: Error {}

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
