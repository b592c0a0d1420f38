//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
internal import Synchronization

/// What was logged in this process, contexts' records included.
enum CapturedLog {
    struct Record: Sendable, Equatable {
        let label: String
        let level: Logger.Level
        let message: String
        var metadata: Logger.Metadata = [:]
    }

    private static let records = Mutex<[Record]>([])
    private static let installed: Void = LoggingSystem.bootstrap { Handler(label: $0) }

    private static let keepsEverything = Mutex(false)

    /// All records so far.
    static var all: [Record] { records.withLock { $0 } }

    /// How many records there are.
    static var count: Int { records.withLock { $0.count } }

    /// Forgets what contexts have printed, which can be very much.
    static func forgetOutput() {
        records.withLock { records in records.removeAll { $0.label.hasPrefix("stdout.") } }
    }

    /// Also keeps the library's own records of the lowest levels, of routers that are made meanwhile.
    static func withEverything<Result>(_ body: () async throws -> Result) async rethrows -> Result {
        keepsEverything.withLock { $0 = true }
        defer { keepsEverything.withLock { $0 = false } }
        return try await body()
    }

    /// Makes this the process's log, once.
    static func install() {
        _ = installed
    }

    /// The records of one logger so far.
    static func records(of label: String) -> [Record] {
        records.withLock { records in records.filter { $0.label == label } }
    }

    /// The texts of one logger so far.
    static func lines(of label: String) -> [String] {
        records(of: label).map(\.message)
    }

    /// Waits for a record of one logger.
    static func waitForLine(
        of label: String,
        within limit: Duration = .seconds(10),
        where isWanted: (String) -> Bool
    ) async throws -> Bool {
        try await eventually(within: limit) { lines(of: label).contains(where: isWanted) }
    }

    private struct Handler: LogHandler {
        let label: String
        var metadata: Logger.Metadata = [:]
        var logLevel: Logger.Level

        init(label: String) {
            self.label = label
            // Of this library's own records, no more than programs usually see: making them takes time.
            logLevel = label == "mitogen" && !CapturedLog.keepsEverything.withLock { $0 } ? .info : .trace
        }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let record = Record(
                label: label,
                level: event.level,
                message: "\(event.message)",
                metadata: metadata.merging(event.metadata ?? [:]) { _, new in new }
            )
            CapturedLog.records.withLock { $0.append(record) }
        }
    }
}
