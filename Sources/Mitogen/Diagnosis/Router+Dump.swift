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

extension Router {
    /// What this router does at this moment: its streams with what they have carried, the ways to other contexts, the
    /// requests that wait for an answer, the functions that run here, what is behind handles, and the threads of the
    /// process.
    ///
    /// A program prints it where it hangs; while ``enableDebug()`` is in force, the signal SIGUSR2 writes it to the
    /// debug file. It takes some microseconds and waits for nothing but the router's lock.
    public func dump() -> Router.Dump {
        let now = monotonicNanoseconds()
        let (state, streams, contexts, isLeaving) = core.withLock { core in
            (core.state, core.streams.values, core.contexts, core.isLeaving || core.isShutDown)
        }
        let registrations = state.handles.registrations
        let requests = registrations.filter { $0.handler is PendingReply }
        let others = registrations.filter { !($0.handler is PendingReply) }
        return Router.Dump(
            contextID: state.table.contextID,
            parentIDs: state.table.parentIDs,
            processID: getpid(),
            isShuttingDown: isLeaving,
            streams: streams.map { Router.Dump.StreamEntry($0) }.sorted { $0.contextID < $1.contextID },
            routes: state.table.knownRoutes.map { id, next in
                Router.Dump.RouteEntry(contextID: id, name: contexts[id]?.name, nextID: next)
            },
            requests: requests.map { Router.Dump.RequestEntry($0, now: now) },
            handlers: others.map { Router.Dump.HandlerEntry($0) },
            functions: functions.entries.map { entry in
                let age = Duration.nanoseconds(now - entry.start)
                return Router.Dump.FunctionEntry(name: _typeName(entry.type), callerID: entry.caller, age: age)
            },
            threads: Router.Dump.ThreadEntry.all
        )
    }
}

extension Router.Dump.StreamEntry {
    init(_ stream: Stream) {
        let counters = stream.counters
        self.init(
            contextID: stream.remoteID,
            name: stream.name,
            framesReceived: counters.framesReceived,
            bytesReceived: counters.bytesReceived,
            framesSent: counters.framesSent,
            bytesSent: counters.bytesSent,
            framesQueued: counters.framesQueued,
            bytesQueued: counters.bytesQueued
        )
    }
}

extension Router.Dump.RequestEntry {
    fileprivate init(_ registration: HandleTable.Registration, now: Int64) {
        self.init(
            handle: registration.handle,
            contextID: registration.respondent,
            function: registration.request?.function,
            age: .nanoseconds(registration.request.map { now - $0.start } ?? 0)
        )
    }
}

extension Router.Dump.HandlerEntry {
    fileprivate init(_ registration: HandleTable.Registration) {
        self.init(
            handle: registration.handle,
            name: StandardHandle.name(of: registration.handle)
                ?? _typeName(type(of: registration.handler), qualified: false),
            policy: registration.policyName,
            respondentID: registration.respondent
        )
    }
}

extension Router.Dump.ThreadEntry {
    /// The threads of this process; none where there is no `/proc`.
    fileprivate static var all: [Router.Dump.ThreadEntry] {
        var threads = [cmitogen_thread_info](repeating: cmitogen_thread_info(), count: 256)
        let count = cmitogen_list_threads(&threads, Int32(threads.count))
        return threads.prefix(Int(max(0, count))).map { thread in
            let name = withUnsafeBytes(of: thread.name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            return Router.Dump.ThreadEntry(
                id: thread.id,
                name: name,
                state: String(UnicodeScalar(UInt8(bitPattern: thread.state))),
                processorTime: .milliseconds(thread.processor_milliseconds)
            )
        }
    }
}
