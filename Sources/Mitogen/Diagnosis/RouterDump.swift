//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import MitogenProtocol

extension Router {
    /// What a router does at one moment; see ``Router/dump()``.
    ///
    /// As text it is for people, ``json`` is for programs. It contains no arguments, results or contents of messages.
    public struct Dump: Sendable {
        /// A connection to one other context.
        public struct StreamEntry: Sendable {
            /// The context at the other end.
            public let contextID: ContextID
            public let name: String
            public let framesReceived: Int
            public let bytesReceived: Int
            public let framesSent: Int
            public let bytesSent: Int
            /// Frames and bytes that wait to be written.
            public let framesQueued: Int
            public let bytesQueued: Int
        }

        /// The way to one other context.
        public struct RouteEntry: Sendable {
            public let contextID: ContextID
            public let name: String?
            /// The context at the other end of the stream that leads there.
            public let nextID: ContextID
        }

        /// A request whose answer has not come yet.
        public struct RequestEntry: Sendable {
            public let handle: Handle
            /// The context that was asked.
            public let contextID: ContextID?
            /// The function that was called; nil for any other request.
            public let function: String?
            public let age: Duration
        }

        /// What is registered for a handle.
        public struct HandlerEntry: Sendable {
            public let handle: Handle
            /// The reserved handle's name, or what kind of object is behind the handle.
            public let name: String
            /// Who may send to it: `anyone`, `parents`, `immediatePeer` or `custom`.
            public let policy: String
            /// The only context that may send to it.
            public let respondentID: ContextID?
        }

        /// A remote function that runs in this context.
        public struct FunctionEntry: Sendable {
            public let name: String
            public let callerID: ContextID
            public let age: Duration
        }

        /// A thread of the process.
        public struct ThreadEntry: Sendable {
            public let id: Int32
            public let name: String
            /// The kernel's letter: R runs, S sleeps, D waits for a device.
            public let state: String
            public let processorTime: Duration
        }

        public let contextID: ContextID
        public let parentIDs: [ContextID]
        public let processID: Int32
        /// Whether the Broker has begun to shut down.
        public let isShuttingDown: Bool
        public let streams: [StreamEntry]
        public let routes: [RouteEntry]
        public let requests: [RequestEntry]
        public let handlers: [HandlerEntry]
        public let functions: [FunctionEntry]
        public let threads: [ThreadEntry]

        /// A JSON object, over several lines.
        public var json: String { report.json }
    }
}

extension Router.Dump: CustomStringConvertible {
    public var description: String { report.text }
}

extension Router.Dump {
    private var report: DiagnosticReport {
        DiagnosticReport(
            facts: [
                ("context", .init(contextID)), ("parent", .init(parentIDs.first)), ("pid", .init(processID)),
                ("state", .text(isShuttingDown ? "shutting down" : "running")),
            ],
            tables: [
                Self.table(of: streams),
                .init("routes", ["context", "next", "name"], rows: routes.map(\.row)),
                .init("requests", ["handle", "context", "age_ms", "function"], rows: requests.map(\.row)),
                .init("functions", ["caller", "age_ms", "function"], rows: functions.map(\.row)),
                .init("handlers", ["handle", "respondent", "policy", "name"], rows: handlers.map(\.row)),
                .init("threads", ["id", "cpu_ms", "state", "name"], rows: threads.map(\.row)),
            ]
        )
    }

    static func table(of streams: [StreamEntry]) -> DiagnosticReport.Table {
        let columns = [
            "context", "frames_in", "bytes_in", "frames_out", "bytes_out", "frames_queued", "bytes_queued", "name",
        ]
        return .init("streams", columns, rows: streams.map(\.row))
    }
}

extension Router.Dump.StreamEntry {
    fileprivate var row: [DiagnosticReport.Value] {
        let numbers = [framesReceived, bytesReceived, framesSent, bytesSent, framesQueued, bytesQueued]
        return [.init(contextID)] + numbers.map { .number($0) } + [.text(name)]
    }
}

extension Router.Dump.RouteEntry {
    fileprivate var row: [DiagnosticReport.Value] { [.init(contextID), .init(nextID), .init(name)] }
}

extension Router.Dump.RequestEntry {
    fileprivate var row: [DiagnosticReport.Value] {
        [.init(handle), .init(contextID), .init(age.nanoseconds / 1_000_000), .init(function)]
    }
}

extension Router.Dump.FunctionEntry {
    fileprivate var row: [DiagnosticReport.Value] {
        [.init(callerID), .init(age.nanoseconds / 1_000_000), .text(name)]
    }
}

extension Router.Dump.HandlerEntry {
    fileprivate var row: [DiagnosticReport.Value] {
        [.init(handle), .init(respondentID), .text(policy), .text(name)]
    }
}

extension Router.Dump.ThreadEntry {
    fileprivate var row: [DiagnosticReport.Value] {
        [.init(id), .init(processorTime.nanoseconds / 1_000_000), .text(state), .text(name)]
    }
}
