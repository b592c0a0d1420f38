//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Logging
internal import MitogenPickle
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// The file that a process writes while one of its routers is debugged (Mitogen semantics, section 8.7).
final class DebugFile: Sendable {
    static let shared = DebugFile()

    private struct Reference {
        let router: Tether<Router>
        let id: ObjectIdentifier
    }

    private struct State {
        var descriptor: Int32 = -1
        var path: String?
        var routers: [Reference] = []
        /// By which the signal's handler wakes the thread that waits for it. Once made it stays: a handler that runs
        /// at this moment on another thread must not find another file behind the number.
        var signalPipe: SignalPipe?
        var isListening = false
    }

    private struct SignalPipe {
        let read: Int32
        let write: Int32
    }

    private let state = Mutex(State())
    private let openFlag = Atomic<Bool>(false)

    /// What asks a process for a dump, as in upstream's debugging aids.
    static let dumpSignal = SIGUSR2
    private static let endMark = UInt8(ascii: "q")

    /// Whether there is something to write for.
    var isOpen: Bool { openFlag.load(ordering: .relaxed) }

    /// The file's path, as long as it is open.
    var path: String? { state.withLock { $0.descriptor >= 0 ? $0.path : nil } }

    // MARK: Opening and closing

    /// Writes for a router until it ends. Returns why it cannot, if so.
    func open(for router: Router) -> String? {
        let (problem, isFirst) = state.withLock { state -> (String?, Bool) in
            let isFirst = state.descriptor < 0
            if isFirst, let problem = Self.open(&state) { return (problem, false) }
            state.routers.append(Reference(router: Tether(router), id: ObjectIdentifier(router)))
            return (nil, isFirst)
        }
        if let problem { return problem }
        openFlag.store(true, ordering: .relaxed)
        MessageLog.shared.isFiled = true
        if isFirst {
            append("Parent PID: \(getppid())\n")
            startListening()
        }
        return nil
    }

    private static func open(_ state: inout State) -> String? {
        let name = "mitogen.\(getpid()).\(LineLogHandler.localTime(isForName: true))"
        let directory = DiagnosisEnvironment.temporaryDirectory
        // Never a file that is there already: in a directory that others may write to, it could be theirs.
        for attempt in 0..<10 {
            let path = "\(directory)/\(name)\(attempt == 0 ? "" : "-\(attempt)").log"
            state.descriptor = cmitogen_open_for_appending(path, true)
            guard state.descriptor < 0 else {
                state.path = path
                return nil
            }
            guard state.descriptor == -EEXIST else {
                return "cannot write the debug file \(path): \(String(cString: strerror(-state.descriptor)))"
            }
        }
        return "cannot write a debug file: \(directory)/\(name).log and others are there already"
    }

    /// A router has ended. After the last one nothing stays but the file.
    func close(for router: ObjectIdentifier) {
        let wasLast = state.withLock { state in
            guard state.routers.contains(where: { $0.id == router }) else { return false }
            state.routers.removeAll { $0.id == router }
            guard state.routers.isEmpty else { return false }
            openFlag.store(false, ordering: .relaxed)
            MessageLog.shared.isFiled = false
            _ = systemClose(state.descriptor)
            state.descriptor = -1
            return true
        }
        if wasLast { stopListening() }
    }

    // MARK: Writing

    /// Writes a record as a line.
    func write(level: Logger.Level, _ label: String, _ text: String, _ metadata: PickleDictionary = [:]) {
        guard isOpen else { return }
        append(LineLogHandler.line(level: level, label, text, metadata))
    }

    private func append(_ text: String) {
        var text = text
        state.withLock { state in
            guard state.descriptor >= 0 else { return }
            text.withUTF8 { bytes in _ = cmitogen_write_all(state.descriptor, bytes.baseAddress, bytes.count) }
        }
    }

    // MARK: Dumps

    /// Writes what the process's routers do at this moment.
    func dumpRouters() {
        let routers = state.withLock { state in state.routers.compactMap(\.router.object) }
        for router in routers {
            append("\(LineLogHandler.localTime()) dump\n\(router.dump())end of dump\n")
        }
    }

    /// Lets a signal ask for a dump, on a thread of its own: it must also come when the Broker is stuck.
    private func startListening() {
        guard let pipe = madeSignalPipe() else { return }
        let listens =
            cmitogen_signal_watch(Self.dumpSignal, pipe.write) == 0
            && startThread(named: "mitogen.debug", stackSize: 1 << 20, { [self] in listen(on: pipe) }) == 0
        if !listens { append("signals do not cause dumps: the program uses SIGUSR2 itself\n") }
        state.withLock { $0.isListening = listens }
    }

    private func madeSignalPipe() -> SignalPipe? {
        if let pipe = state.withLock({ $0.signalPipe }) { return pipe }
        var ends: [Int32] = [0, 0]
        guard cmitogen_pipe(&ends, false) == 0 else { return nil }
        // A handler must not wait, whatever happens.
        _ = cmitogen_set_nonblocking(ends[1], true)
        let pipe = SignalPipe(read: ends[0], write: ends[1])
        state.withLock { $0.signalPipe = pipe }
        return pipe
    }

    private func listen(on pipe: SignalPipe) {
        var byte: UInt8 = 0
        while cmitogen_read(pipe.read, &byte, 1) == 1, byte != Self.endMark { dumpRouters() }
    }

    private func stopListening() {
        let pipe = state.withLock { state in
            defer { state.isListening = false }
            return state.isListening ? state.signalPipe : nil
        }
        guard let pipe else { return }
        cmitogen_signal_unwatch(Self.dumpSignal)
        var mark = Self.endMark
        _ = cmitogen_write_all(pipe.write, &mark, 1)
    }
}
