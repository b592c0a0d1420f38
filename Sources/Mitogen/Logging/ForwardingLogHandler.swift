//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
internal import MitogenProtocol
internal import Synchronization

/// In a context: sends what swift-log records to the master (Mitogen semantics, section 8.7).
struct ForwardingLogHandler: LogHandler {
    let label: String
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    var logLevel: Logger.Level
    private let target: Target

    /// Where the records go. Those of the time before the master can be reached are kept for then.
    final class Target: Sendable {
        private struct State: Sendable {
            var router: Tether<Router>?
            var isOpen = false
            var early: [ForwardedLog] = []
        }

        private let state = Mutex(State())

        /// From now on records go through `router`, after those that have been kept.
        func open(_ router: Router) {
            while let record = nextEarly(before: router) { router.forwardLog(record) }
        }

        private func nextEarly(before router: Router) -> ForwardedLog? {
            state.withLock { state in
                guard state.early.isEmpty else { return state.early.removeFirst() }
                state.router = Tether(router)
                state.isOpen = true
                return nil
            }
        }

        func send(_ record: ForwardedLog) {
            let router = state.withLock { state in
                if !state.isOpen { state.early.append(record) }
                return state.router?.object
            }
            router?.forwardLog(record)
        }
    }

    /// Makes this the process's log handler: before there is a router, which has a logger itself.
    ///
    /// - Returns: What is to be told the router.
    static func install(level: Int) -> Target {
        let target = Target()
        let lowest = Logger.Level(pythonLevel: level)
        LoggingSystem.bootstrap { label in
            ForwardingLogHandler(label: label, logLevel: lowest, target: target)
        }
        return target
    }

    private init(label: String, logLevel: Logger.Level, target: Target) {
        self.label = label
        self.logLevel = logLevel
        self.target = target
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        // Messages are not forwarded: each would be another message.
        guard label != MessageLog.label else { return }
        let text = "\(event.message)"
        let metadata = LogMetadata.all(of: event, in: self)
        // The library's own records are in the debug file already.
        if label != LibraryLogHandler.label {
            DebugFile.shared.write(level: event.level, label, text, metadata)
        }
        target.send(ForwardedLog(name: label, level: event.level.pythonLevel, text: text, metadata: metadata))
    }
}

extension Router {
    /// Sends one record to the master's log.
    ///
    /// - Parameter mayWait: Whether its source is held up while too much is under way; otherwise it may be dropped.
    func forwardLog(_ record: ForwardedLog, mayWait: Bool = false) {
        logWindow.send(record, through: self, mayWait: mayWait)
    }
}

/// In the master: emits what contexts have logged, under `<name>.[<context name>]`.
enum ForwardedLogs {
    /// The metadata that names the context a record comes from.
    static let contextKey = "mitogen_context"

    static func emit(_ record: ForwardedLog, from context: Context) {
        let logger = Logger(label: "\(record.name).[\(context.name)]")
        var metadata = LogMetadata.metadata(record.metadata)
        // Whatever the record says: where it comes from is known here.
        metadata[contextKey] = "\(context.name)"
        logger.log(level: Logger.Level(pythonLevel: record.level), "\(record.text)", metadata: metadata)
    }
}

extension Logger.Level {
    /// Python's number for the level (Mitogen wire protocol, section 1.7).
    var pythonLevel: Int {
        switch self {
        case .trace: 5
        case .debug: 10
        case .info, .notice: 20
        case .warning: 30
        case .error: 40
        case .critical: 50
        }
    }

    init(pythonLevel: Int) {
        switch pythonLevel {
        case ..<10: self = .trace
        case ..<20: self = .debug
        case ..<30: self = .info
        case ..<40: self = .warning
        case ..<50: self = .error
        default: self = .critical
        }
    }
}
