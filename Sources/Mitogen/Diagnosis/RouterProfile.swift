//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import MitogenProtocol
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// What a router measures while that is asked for (Mitogen semantics, section 8.8): the functions that run here, the
/// calls that are made from here, and the streams.
final class RouterProfile: Sendable {
    private struct State {
        var functions: [ObjectIdentifier: (type: any RemoteFunction.Type, timing: Timing)] = [:]
        var calls: [String: Timing] = [:]
        /// Streams that have ended.
        var streams: [Router.Dump.StreamEntry] = []
        var start: Int64 = 0
    }

    private let flag = Atomic<Bool>(false)
    private let state = Mutex(State())

    /// More kinds than this are not told apart: their names may come from outside.
    private static let mostNames = 1000

    /// Whether it measures. It is asked for every call, so it is one load.
    var isOn: Bool {
        get { flag.load(ordering: .relaxed) }
        set {
            if newValue { state.withLock { $0.start = $0.start == 0 ? monotonicNanoseconds() : $0.start } }
            flag.store(newValue, ordering: .relaxed)
        }
    }

    // MARK: Measuring

    /// A function has ended.
    func add(_ function: RunningFunctions.Entry) {
        let time = monotonicNanoseconds() - function.start
        let key = ObjectIdentifier(function.type)
        state.withLock { state in
            guard state.functions[key] != nil || state.functions.count < Self.mostNames else { return }
            state.functions[key, default: (function.type, Timing())].timing.add(time)
        }
    }

    /// A call that was made from here has ended.
    func add(callOf name: String, since start: Int64) {
        let time = monotonicNanoseconds() - start
        state.withLock { state in
            guard state.calls[name] != nil || state.calls.count < Self.mostNames else { return }
            state.calls[name, default: Timing()].add(time)
        }
    }

    /// A stream has ended.
    func add(_ stream: Stream) {
        guard isOn else { return }
        state.withLock { state in
            if state.streams.count < Self.mostNames { state.streams.append(Router.Dump.StreamEntry(stream)) }
        }
    }

    // MARK: Writing

    private func report(of id: ContextID, _ parentIDs: [ContextID]) -> DiagnosticReport {
        state.withLock { state in
            let functions = state.functions.values.map { (_typeName($0.type), $0.timing) }
            return DiagnosticReport(
                facts: [
                    ("context", .init(id)), ("parent", .init(parentIDs.first)), ("pid", .init(getpid())),
                    ("user", .text(ProcessIdentity.userName)), ("host", .text(ProcessIdentity.hostName)),
                    ("measured_ms", .init((monotonicNanoseconds() - state.start) / 1_000_000)),
                ],
                tables: [
                    .init("functions", of: functions),
                    .init("calls", of: state.calls.map { ($0.key, $0.value) }),
                    Router.Dump.table(of: state.streams),
                ]
            )
        }
    }

    /// Writes a file with everything.
    ///
    /// - Returns: What went wrong, if something did.
    func write(_ id: ContextID, _ parentIDs: [ContextID]) -> String? {
        let now = monotonicNanoseconds() / 1000
        let path = "\(DiagnosisEnvironment.profileDirectory)/mitogen.stats.\(getpid()).\(id).\(now).json"
        let bytes = Array(report(of: id, parentIDs).json.utf8)
        let result = cmitogen_write_file(path, bytes, bytes.count)
        return result == 0 ? nil : "cannot write \(path): \(String(cString: strerror(-result)))"
    }
}
