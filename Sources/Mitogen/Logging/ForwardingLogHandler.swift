//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
internal import Synchronization

/// In a context: sends what swift-log records to the master (Mitogen semantics, section 8.7).
struct ForwardingLogHandler: LogHandler {
    let label: String
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level
    private let router: WeakRouter

    private final class WeakRouter: Sendable {
        private let storage: Mutex<WeakBox>

        private struct WeakBox: Sendable {
            weak var router: Router?
        }

        init(_ router: Router) { storage = Mutex(WeakBox(router: router)) }
        var router: Router? { storage.withLock { $0.router } }
    }

    /// Makes this the process's log handler.
    static func install(_ router: Router, level: Int) {
        let reference = WeakRouter(router)
        let lowest = Logger.Level(pythonLevel: level)
        LoggingSystem.bootstrap { label in
            ForwardingLogHandler(label: label, logLevel: lowest, router: reference)
        }
    }

    private init(label: String, logLevel: Logger.Level, router: WeakRouter) {
        self.label = label
        self.logLevel = logLevel
        self.router = router
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        router.router?.forwardLog(name: label, level: event.level.pythonLevel, text: "\(event.message)")
    }
}

extension Router {
    /// Sends one line to the master's log.
    func forwardLog(name: String, level: Int, text: String) {
        var message = ForwardedLog(name: name, level: level, text: text).message
        message.dstID = 0
        route(message)
    }
}

/// In the master: emits what contexts have logged, under `<name>.[<context name>]`.
enum ForwardedLogs {
    static func emit(_ record: ForwardedLog, from context: Context) {
        var logger = Logger(label: "\(record.name).[\(context.displayName)]")
        logger[metadataKey: "mitogen_context"] = "\(context.displayName)"
        logger.log(level: Logger.Level(pythonLevel: record.level), "\(record.text)")
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
