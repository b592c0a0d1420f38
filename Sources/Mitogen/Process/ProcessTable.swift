//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Names a command: who started it, and the handle there that its output goes to.
struct ProcessKey: Hashable, Sendable {
    let caller: ContextID
    let handle: Handle
}

/// The commands that run in this context for others, so that none outlives it.
final class ProcessTable: Sendable {
    fileprivate struct Running {
        var processes: [pid_t: SpawnedProcess] = [:]
        /// Tools that wait for a server.
        var tools: Set<pid_t> = []
        /// There is one from the first command or tool on.
        var commandGuard: CommandGuard?
        /// Whether this context ends: nothing is started any more.
        var isClosed = false
    }

    let scripts = ScriptFiles()
    private let running = Mutex(Running())
    private let commands = Mutex<[ProcessKey: Command]>([:])

    /// Passes on what callers send to their commands.
    func install(in router: Router) {
        for handle in [StandardHandle.processInput, StandardHandle.outputCredit] {
            router.addHandler(handle, .anyone) { [weak self] _, message, _ in
                guard let self, let control = try? message.decode(as: ProcessControl.self) else { return }
                let key = ProcessKey(caller: message.srcID, handle: control.handle)
                commands.withLock { $0[key] }?.receive(control)
            }
        }
    }

    func add(_ command: Command, for key: ProcessKey) {
        commands.withLock { $0[key] = command }
    }

    func remove(_ key: ProcessKey) {
        commands.withLock { _ = $0.removeValue(forKey: key) }
    }

    var isEmpty: Bool { running.withLock { $0.processes.isEmpty } }

    /// Starts a command, and knows it until it ends.
    ///
    /// The lock is held meanwhile, so that a context that ends sees every command that it has to take along.
    ///
    /// - Parameter spawn: Starts it, with the descriptor of the guard that it is to be known to.
    func start(
        _ spawn: (Int32) throws(MitogenError) -> SpawnedProcess
    ) throws(MitogenError) -> SpawnedProcess {
        let result = running.withLock { running -> Result<SpawnedProcess, MitogenError> in
            if running.isClosed { return .failure(MitogenError(.cancelled, "the context is about to end")) }
            do throws(MitogenError) {
                let process: SpawnedProcess
                let descriptor = try running.guardDescriptor()
                do throws(MitogenError) {
                    process = try spawn(descriptor)
                } catch {
                    // Whoever has ended the guard does not keep commands from running.
                    guard running.commandGuard?.isThere == false else { throw error }
                    running.dropGuard()
                    process = try spawn(try running.guardDescriptor())
                }
                running.processes[process.pid] = process
                return .success(process)
            } catch {
                return .failure(error)
            }
        }
        let process = try result.get()
        process.whenEnded { [weak self] _ in
            self?.running.withLock { _ = $0.processes.removeValue(forKey: process.pid) }
        }
        return process
    }

    /// A command has ended and is about to be reaped: what it has left in its group lives on.
    func leaveGuard(_ pid: pid_t) {
        running.withLock { $0.forget(pid) }
    }

    /// Has the guard end the group of a tool as well, if there can be a guard, until ``leaveTool(_:)``.
    func guardTool(_ process: SpawnedProcess) {
        running.withLock { running in
            if running.commandGuard?.isThere == false { running.dropGuard() }
            guard !running.isClosed, (try? running.guardDescriptor()) != nil else { return }
            running.tools.insert(process.pid)
            running.commandGuard?.follow(process.pid)
        }
    }

    func leaveTool(_ process: SpawnedProcess) {
        running.withLock { if $0.tools.remove(process.pid) != nil { $0.forget(process.pid) } }
    }

    /// KILL to the process groups of commands that a shutdown has left. There is nothing to guard any more.
    func killAll() {
        for process in close() { process.signalGroup(SIGKILL) }
        endGuard()
    }

    /// The context is about to exit. The guard learns of that, and ends tools that still wait for a server.
    func leaveRestToGuard() {
        scripts.removeAll()
        running.withLock { if $0.tools.isEmpty { $0.dropGuard() } }
    }

    private func endGuard() {
        scripts.removeAll()
        running.withLock { $0.dropGuard() }
    }

    private func close() -> [SpawnedProcess] {
        running.withLock { running in
            running.isClosed = true
            return Array(running.processes.values)
        }
    }

    /// TERM to every command's process group, as the context ends, and KILL to what is left after `grace`.
    ///
    /// - Parameter completion: Called on the Broker's thread when all have ended, or were sent KILL.
    func terminateAll(
        after grace: Duration,
        on broker: Broker? = nil,
        _ completion: @escaping @Sendable () -> Void = {}
    ) {
        let running = close()
        guard let broker else {
            for process in running { process.end(.commandAtEnd) }
            return completion()
        }
        for process in running { process.askGroupToEnd() }
        waitForEnd(of: running, until: monotonicNanoseconds() + grace.nanoseconds, on: broker, completion)
    }

    /// The groups are asked for, not only their leaders: a shell that is gone may have left what it started.
    private func waitForEnd(
        of running: [SpawnedProcess],
        until deadline: Int64,
        on broker: Broker,
        _ completion: @escaping @Sendable () -> Void
    ) {
        let left = running.filter { kill(-$0.pid, 0) == 0 }
        if left.isEmpty { return completion() }
        if monotonicNanoseconds() >= deadline {
            for process in left { process.signalGroup(SIGKILL) }
            return completion()
        }
        broker.schedule(after: .milliseconds(10)) { [weak self] in
            self?.waitForEnd(of: left, until: deadline, on: broker, completion)
        }
    }
}

extension ProcessTable.Running {
    /// The descriptor of the guard; one is started if there is none.
    fileprivate mutating func guardDescriptor() throws(MitogenError) -> Int32 {
        if let commandGuard { return commandGuard.descriptor }
        let new = try CommandGuard()
        commandGuard = new
        // What another guard knew that is gone.
        for process in processes.values where !process.isOver { new.follow(process.pid) }
        for tool in tools { new.follow(tool) }
        return new.descriptor
    }

    fileprivate mutating func forget(_ pid: pid_t) {
        guard let commandGuard, !commandGuard.forget(pid) else { return }
        // It would end whoever has the number next.
        dropGuard()
    }

    fileprivate mutating func dropGuard() {
        commandGuard?.end()
        commandGuard = nil
    }
}
