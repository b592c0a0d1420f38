//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// What to start, and with what.
package struct SpawnRequest: Sendable {
    package var arguments: [ByteString]
    /// The program, if it is not the first argument: a path, or a name to look for in `PATH`.
    package var path: ByteString?
    package var environment: [ByteString]
    package var directory: ByteString?
    /// What becomes descriptors 0, 1 and 2.
    package var descriptors: (SpawnDescriptor, SpawnDescriptor, SpawnDescriptor)
    /// The path of what becomes the controlling terminal; there is none by default.
    package var terminal: String?
    /// Where it is to run instead of here. Then a directory that cannot be entered does not matter.
    package var entry: NamespaceEntry?
    /// The descriptor of a guard that ends the process's group with this process; 0: none.
    var guardDescriptor: Int32 = 0
    /// Whether it stays in this process's session and group, which have the terminal.
    var sharesTerminal = false
}

extension SpawnRequest {
    package init(
        arguments: [String],
        path: String? = nil,
        environment: [ByteString],
        directory: String?,
        descriptors: (SpawnDescriptor, SpawnDescriptor, SpawnDescriptor),
        terminal: String? = nil,
        entry: NamespaceEntry? = nil
    ) {
        self.init(
            arguments: arguments.map { ByteString($0) },
            path: path.map { ByteString($0) },
            environment: environment,
            directory: directory.map { ByteString($0) },
            descriptors: descriptors,
            terminal: terminal,
            entry: entry
        )
    }
}

/// What one of a new program's first descriptors is.
package enum SpawnDescriptor: Sendable {
    case null
    case descriptor(Int32)
    /// The controlling terminal.
    case terminal

    var number: Int32 {
        switch self {
        case .null: -1
        case .descriptor(let number): number
        case .terminal: -2
        }
    }
}

/// A program that this process has started, or a fork server for it: in a session of its own, reaped as soon as it
/// ends.
///
/// No SIGCHLD handler and no `waitpid(-1)`, which would take other parts' children: a descriptor tells the end, or,
/// before Linux 5.3, a timer asks.
package final class SpawnedProcess: Sendable {
    package let pid: Int32
    let broker: Broker
    private let isReaped = Mutex(false)
    private let isAskedToEnd = Atomic<Bool>(false)
    private let side = Mutex<Broker.Side?>(nil)
    private let end = OneShot<ExitStatus>()
    private let beforeReaping: (@Sendable (Int32) -> Void)?

    /// Starts a program.
    ///
    /// - Parameter beforeReaping: Called when it has ended, as long as its number is not given to another process.
    /// - Throws: ``MitogenError`` with `.spawnError`, which tells the step that failed.
    package init(
        _ request: SpawnRequest,
        broker: Broker,
        beforeReaping: (@Sendable (Int32) -> Void)? = nil
    ) throws(MitogenError) {
        self.broker = broker
        self.beforeReaping = beforeReaping
        pid = try Self.spawn(request)
        watch()
    }

    /// Takes over a child of this process that another one has made.
    package init(child pid: Int32, broker: Broker) {
        self.broker = broker
        self.pid = pid
        beforeReaping = nil
        watch()
    }

    /// How it ended, if it has.
    package var status: ExitStatus? { try? end.outcome?.get() }

    /// Whether it was reaped, or let go.
    var isOver: Bool { isReaped.withLock { $0 } }

    package func whenEnded(_ body: @escaping @Sendable (ExitStatus) -> Void) {
        end.whenResolved { outcome in
            if case .success(let status) = outcome { body(status) }
        }
    }

    package func waitUntilEnded() async -> ExitStatus {
        // It only ever succeeds.
        (try? await end.wait().get()) ?? .exited(-1)
    }

    /// Sends a signal to the process, or to its whole group; never to a process that was already reaped.
    package func signal(_ number: Int32, group: Bool) {
        isReaped.withLock { isReaped in
            if !isReaped { _ = kill(group ? -pid : pid, number) }
        }
    }

    /// Sends a signal to what is left of the group, also when the process itself has ended.
    package func signalGroup(_ number: Int32) {
        // A copy of a fork server leads no group before it has its configuration.
        if kill(-pid, number) != 0, errno == ESRCH { signal(number, group: false) }
    }

    /// Whether the group has anybody in it; the process itself counts until it is reaped.
    package var hasGroup: Bool { kill(-pid, 0) == 0 || errno == EPERM }

    /// The group that it is in; nil when it was reaped.
    var group: Int32? { isReaped.withLock { $0 ? nil : getpgid(pid) } }

    /// TERM to the group, the first time: programs take a second one for "do not finish what you are doing".
    package func askGroupToEnd() {
        if !isAskedToEnd.exchange(true, ordering: .relaxed) { signalGroup(SIGTERM) }
    }

    /// Lets go of the process: its end is not waited for any more, and it becomes its own problem.
    package func abandon() {
        isReaped.withLock { $0 = true }
        if let side = side.withLock({ $0.take() }) { broker.close(side) }
    }

    /// KILL, and waits for the end: for the moment when nothing else runs any more.
    package func killAndReap() {
        signal(SIGKILL, group: false)
        for _ in 0..<100 {
            if reap() { return }
            usleep(1000)
        }
    }

    private func watch() {
        let descriptor = cmitogen_pidfd_open(pid)
        guard descriptor >= 3 else {
            if descriptor >= 0 { _ = systemClose(descriptor) }
            return poll(after: .milliseconds(2))
        }
        // It keeps the Broker alive, so that a shutdown does not leave a zombie. The reference cycle ends with the
        // process.
        let side = Broker.Side(descriptor: descriptor) { [self] _ in _ = reap() }
        self.side.withLock { $0 = side }
        broker.startReceiving(side)
    }

    /// Asks again and again, at growing intervals up to 100 ms.
    private func poll(after delay: Duration) {
        broker.schedule(after: delay) { [self] in
            if !reap() { poll(after: min(delay * 2, .milliseconds(100))) }
        }
    }

    private func reap() -> Bool {
        let result = isReaped.withLock { isReaped -> ExitStatus? in
            guard !isReaped else { return nil }
            // Under the lock, so that nobody reaps it meanwhile, after which its number can be another process's.
            if let beforeReaping, cmitogen_has_ended(pid) == 1 { beforeReaping(pid) }
            var raw: Int32 = 0
            let count = cmitogen_reap(pid, &raw)
            guard count != 0 else { return nil }
            isReaped = true
            var signal: Int32 = 0
            let code = cmitogen_status_code(raw, &signal)
            // Somebody else's waitpid took it: it has ended, nobody can say how.
            if count < 0 { return .exited(-1) }
            return signal > 0 ? .signaled(signal) : .exited(code)
        }
        guard let result else { return isReaped.withLock { $0 } }
        if let side = side.withLock({ $0.take() }) { broker.close(side) }
        end.resolve(.success(result))
        return true
    }

    // MARK: Starting

    /// Starts a program that nobody here waits for.
    ///
    /// - Throws: ``MitogenError`` with `.spawnError`, which tells the step that failed.
    package static func spawn(_ request: SpawnRequest) throws(MitogenError) -> Int32 {
        let path = request.path ?? request.arguments.first ?? ""
        guard !path.bytes.isEmpty else { throw MitogenError(.spawnError, "there is no program to start") }
        for text in request.arguments + request.environment + [path, request.directory ?? ""]
        where text.bytes.contains(0) {
            let name = path.description.debugDescription
            throw MitogenError(.spawnError, "cannot start \(name): an argument contains a NUL")
        }
        var stage: Int32 = 0
        let variable = request.environment.first { $0.hasPrefix("PATH=") }?.bytes.dropFirst(5)
        let searchPath = variable.map { ByteString(bytes: Array($0)) } ?? "/usr/bin:/bin"
        let limits = OpenFilesLimit.original
        func start(_ what: inout cmitogen_spawn) -> pid_t {
            guard let entry = request.entry else { return cmitogen_spawn(&what, &stage) }
            return entry.withEntry { entry in
                what.entry = entry
                return cmitogen_spawn(&what, &stage)
            }
        }
        let pid = withCStrings(request.arguments) { arguments in
            withCStrings(request.environment) { environment in
                withOptionalCString(path) { path in
                    withOptionalCString(searchPath) { searchPath in
                        withOptionalCString(request.directory) { directory in
                            withOptionalCString(request.terminal.map { ByteString($0) }) { terminal in
                                let descriptors = request.descriptors
                                var what = cmitogen_spawn(
                                    path: path,
                                    search_path: searchPath,
                                    arguments: arguments,
                                    environment: environment,
                                    directory: directory,
                                    descriptors: (descriptors.0.number, descriptors.1.number, descriptors.2.number),
                                    terminal: terminal,
                                    open_files_soft: limits?.soft ?? 0,
                                    open_files_hard: limits?.hard ?? 0,
                                    entry: nil,
                                    guard: request.guardDescriptor,
                                    shares_session: request.sharesTerminal
                                )
                                return start(&what)
                            }
                        }
                    }
                }
            }
        }
        guard pid < 0 else { return pid }
        throw failure(path: path, request: request, stage: stage, code: -pid)
    }

    private static func failure(path: ByteString, request: SpawnRequest, stage: Int32, code: Int32) -> MitogenError {
        let reason = String(cString: strerror(code))
        switch Int(stage) {
        case CMITOGEN_SPAWN_EXEC:
            return MitogenError(.spawnError, "cannot start \(path): \(reason)")
        case CMITOGEN_SPAWN_GUARD:
            return .system("cannot tell the process that guards commands", errno: code, .spawnError)
        case CMITOGEN_SPAWN_TERMINAL:
            return MitogenError(.spawnError, "cannot open a terminal for \(path): \(reason)")
        case CMITOGEN_SPAWN_DIRECTORY:
            return MitogenError(
                .spawnError,
                "cannot start \(path) in the directory \(request.directory?.description ?? ""): \(reason)"
            )
        case CMITOGEN_SPAWN_ROOT:
            return NamespaceEntry.failure("cannot enter the container's root folder", code)
        case CMITOGEN_SPAWN_USER where code == EINVAL:
            return MitogenError(
                .unknownUser,
                "the container's user namespace does not have the user or the group",
                hint: "name another one, or give the container more of them (/etc/subuid and /etc/subgid)"
            )
        case CMITOGEN_SPAWN_USER:
            return NamespaceEntry.failure("cannot become the user in the container", code)
        case CMITOGEN_SPAWN_NAMESPACES...:
            let name = String(cString: cmitogen_namespace_name(stage - Int32(CMITOGEN_SPAWN_NAMESPACES)))
            return NamespaceEntry.failure("cannot enter the container's \(name) namespace", code)
        default:
            return .system("cannot make a process for \(path)", errno: code, .spawnError)
        }
    }
}

/// Calls `body` with the strings as a C vector that ends with NULL.
private func withCStrings<Result>(
    _ strings: [ByteString],
    _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    // One block holds them all.
    var block: [CChar] = []
    var starts: [Int] = []
    for string in strings {
        starts.append(block.count)
        block.append(contentsOf: string.bytes.lazy.map { CChar(bitPattern: $0) })
        block.append(0)
    }
    return block.withUnsafeMutableBufferPointer { block in
        var pointers = starts.map { start in block.baseAddress.map { $0 + start } }
        pointers.append(nil)
        return pointers.withUnsafeBufferPointer { buffer in
            // The buffer is not empty: it holds at least the NULL.
            body(buffer.baseAddress.unsafelyUnwrapped)
        }
    }
}

private func withOptionalCString<Result>(_ string: ByteString?, _ body: (UnsafePointer<CChar>?) -> Result) -> Result {
    guard let string else { return body(nil) }
    return (string.bytes + [0]).withUnsafeBufferPointer { bytes in
        bytes.withMemoryRebound(to: CChar.self) { body($0.baseAddress) }
    }
}
