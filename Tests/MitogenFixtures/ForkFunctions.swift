//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
public import Mitogen
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// What fork servers and forked processes have done, in the memory of each.
enum ForkJournal {
    static let lines = Mutex<[String]>([])
    static let bytes = Mutex<[UInt8]>([])

    static func note(_ line: String) { lines.withLock { $0.append(line) } }

    static var threadCount: Int {
        let capacity = 16
        let threads = [cmitogen_thread_info](unsafeUninitializedCapacity: capacity) { buffer, count in
            count = Int(cmitogen_list_threads(buffer.baseAddress, Int32(capacity)))
        }
        return threads.count
    }
}

/// Notes that it has run, and occupies memory.
public struct PreloadNote: ForkFunction {
    public var text: String
    public var byteCount: Int

    public init(_ text: String, byteCount: Int = 0) {
        self.text = text
        self.byteCount = byteCount
    }

    public func run() throws {
        ForkJournal.note("\(text) in \(getpid()) with \(ForkJournal.threadCount)")
        ForkJournal.bytes.withLock { $0 = [UInt8](repeating: 7, count: byteCount) }
    }
}

/// What a fork server or a forked process can do wrong.
public struct ForkTrouble: ForkFunction, ForkStartFunction {
    public enum Kind: String, Codable, Sendable {
        case fails
        case crashes
        case startsThread
        case startsTask
        case sleeps
        case prints
        /// Cannot tell that it has forked, which ends it.
        case losesConnection
    }

    public var kind: Kind

    public init(_ kind: Kind) {
        self.kind = kind
    }

    public func run(in context: ExternalContext) throws { try run() }

    public func run() throws {
        switch kind {
        case .fails: throw OutOfStock(item: "memory")
        case .crashes: fatalError("the fixture was told to crash here")
        case .startsThread:
            _ = cmitogen_thread_start("stowaway", 0, { _ in while true { sleep(1000) } }, nil)
            usleep(100_000)
        case .startsTask:
            Task.detached {}
            usleep(100_000)
        case .sleeps: sleep(1000)
        case .prints:
            // Some at once, some when the buffer is flushed.
            _ = "printed at once\n".withCString { write(1, $0, strlen($0)) }
            print("printed into the buffer", terminator: "")
            if getchar() != EOF { throw OutOfStock(item: "nothing to read") }
        case .losesConnection: try loseConnection()
        }
    }

    /// When the first request is there, shuts the way of the answers.
    private func loseConnection() throws {
        let connection = (Int32(3)..<64).first { descriptor in
            var status = stat()
            return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
        }
        guard let connection else { throw OutOfStock(item: "sockets") }
        var byte: UInt8 = 0
        let peek: Int32 = 2  // MSG_PEEK, which is of another type in each C library
        guard recv(connection, &byte, 1, peek) == 1 else { throw OutOfStock(item: "requests") }
        shutdown(connection, Int32(SHUT_WR))
    }
}

/// Makes a file.
public struct MakeFile: ForkFunction {
    public var path: String

    public init(_ path: String) {
        self.path = path
    }

    public func run() throws {
        let file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw OutOfStock(item: path) }
        close(file)
    }
}

/// Hangs, and has properties that do not fit into a socket at once.
public struct LargeHang: ForkFunction {
    public var name: String

    public init(name: String) {
        self.name = name
    }

    public func run() throws { sleep(1000) }
}

/// Notes what the process says that it is.
public struct PlaceNote: ForkFunction, ForkStartFunction {
    public init() {}

    public func run() throws { ForkJournal.note(Self.place) }

    public func run(in context: ExternalContext) throws { try run() }

    static var place: String {
        "\(Mitogen.isMaster) \(Mitogen.contextID) of \(Mitogen.parentIDs), \(Mitogen.parentID ?? .max)"
    }
}

/// Holds a mutex that the fork server has used until another thread waits for it.
public struct HoldMutex: ForkStartFunction {
    public init() {}

    public func run(in context: ExternalContext) throws {
        ForkJournal.lines.withLock { lines in
            let isRunning = cmitogen_thread_start("waiting", 0, { _ in ForkJournal.note("waited") }, nil)
            usleep(200_000)
            lines.append("held, \(isRunning)")
        }
    }
}

/// Runs a shell script, and waits for its end.
public struct HangBehindProgram: ForkFunction {
    public var script: String

    public init(_ script: String) {
        self.script = script
    }

    public func run() throws { if system(script) != 0 { throw OutOfStock(item: "programs") } }
}

/// Takes half a second to start.
public struct SlowStart: ForkStartFunction {
    public init() {}

    public func run(in context: ExternalContext) throws {
        usleep(500_000)
        ForkJournal.note("started")
    }
}

/// Notes that it has run.
public struct NoteInJournal: RemoteFunction {
    public var text: String

    public init(_ text: String) {
        self.text = text
    }

    public func run(in context: ExternalContext) async throws { ForkJournal.note(text) }
}

/// Notes which context begins.
public struct StartNote: ForkStartFunction {
    public var text: String

    public init(_ text: String) {
        self.text = text
    }

    public func run(in context: ExternalContext) throws {
        print("\(text) begins")
        usleep(20_000)
        ForkJournal.note("\(text) as \(context.contextID) of \(context.caller.id)")
    }
}

/// What was noted in the process, and the sum of the bytes that were preloaded.
public struct ReadForkJournal: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws -> [String] {
        ForkJournal.lines.withLock { $0 }
    }
}

public struct SumPreloadedBytes: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws -> Int {
        ForkJournal.bytes.withLock { $0.reduce(0) { $0 + Int($1) } }
    }
}

/// How a context was started.
public struct ContextSettings: RemoteFunction {
    public struct Output: Codable, Sendable, Equatable {
        public var parentProcess: Int32
        public var isUnidirectional: Bool
        public var isProfiling: Bool
        public var maxMessageSize: Int
    }

    public init() {}

    public func run(in context: ExternalContext) async throws -> Output {
        Output(
            parentProcess: getppid(),
            isUnidirectional: context.router.isUnidirectional,
            isProfiling: context.router.isProfilingEnabled,
            maxMessageSize: context.router.maxMessageSize
        )
    }
}

/// What a function may have changed for others.
public struct SharedState: Codable, Sendable, Equatable {
    public var directory: String
    public var variable: String?
    public var user: UInt32
    public var openFiles: UInt64
    public var descriptors: Int32
}

public struct ReadSharedState: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws -> SharedState {
        var buffer = [CChar](repeating: 0, count: 4096)
        _ = getcwd(&buffer, buffer.count)
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(7), &limit)
        return SharedState(
            directory: String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self),
            variable: getenv("MITOGEN_TEST_SHARED").map { String(cString: $0) },
            user: getuid(),
            openFiles: UInt64(limit.rlim_cur),
            descriptors: cmitogen_count_descriptors()
        )
    }
}

/// Changes all of it, leaks, and tells what it is then.
public struct ChangeSharedState: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws -> SharedState {
        chdir("/")
        setenv("MITOGEN_TEST_SHARED", "changed", 1)
        signal(SIGTERM, SIG_IGN)
        for _ in 0..<20 { _ = open("/dev/null", O_RDONLY) }
        _ = malloc(1 << 20)
        if getuid() == 0, setgid(65534) != 0 || setuid(65534) != 0 { throw OutOfStock(item: "rights") }
        return try await ReadSharedState().run(in: context)
    }
}

/// Takes more than it may have.
public struct UseUp: RemoteFunction {
    public enum Resource: String, Codable, Sendable {
        case processorTime
        case memory
        case openFiles
    }

    public var resource: Resource

    public init(_ resource: Resource) {
        self.resource = resource
    }

    public func run(in context: ExternalContext) async throws -> String {
        switch resource {
        case .processorTime: while true {}
        case .memory:
            var kept: [[UInt8]] = []
            while true { kept.append([UInt8](repeating: UInt8(kept.count & 255), count: 1 << 20)) }
        case .openFiles:
            while open("/dev/null", O_RDONLY) >= 0 {}
            return String(cString: strerror(errno))
        }
    }
}

/// Returns nothing, or a number.
public struct Perhaps: RemoteFunction {
    public var value: Int?

    public init(_ value: Int?) {
        self.value = value
    }

    public func run(in context: ExternalContext) async throws -> Int? { value }
}

/// Stops its process before it has returned.
public struct StandStill: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws {
        kill(getpid(), SIGSTOP)
        // The signal is taken by the first thread, meanwhile this one must not return.
        sleep(60)
    }
}

public struct ReadNice: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws -> Int32 {
        nice(0)
    }
}
