//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Logging
internal import MitogenPickle
internal import MitogenProtocol
internal import Synchronization

/// Where ``Mitogen/Mitogen/bootstrapLogging(path:level:logsMessages:)`` writes to, and from which level up.
final class LogOutput: Sendable {
    static let shared = LogOutput()

    // Locks of their own: a thread may stand in a write, and levels are asked for everywhere.
    private let setting = Mutex<LogSetting?>(nil)
    /// Standard error, or a file of this object's own.
    private let descriptor = Mutex<Int32>(2)

    /// The lowest level that is written, as Python's number; nil as long as nothing is.
    var pythonLevel: Int? { setting.withLock { $0?.level.pythonLevel } }

    /// Writes to another place from now on.
    func open(_ path: String?, _ setting: LogSetting) throws(MitogenError) {
        var opened: Int32 = 2
        if let path {
            opened = cmitogen_open_for_appending(path, false)
            guard opened >= 0 else { throw .system("cannot open \(path)", errno: -opened, .misuse) }
        }
        // What was logged before belongs to where it was written before.
        LogQueue.shared.flush(within: .milliseconds(500))
        descriptor.withLock { descriptor in
            if descriptor > 2 { _ = systemClose(descriptor) }
            descriptor = opened
        }
        self.setting.withLock { $0 = setting }
        MessageLog.shared.isLogged = setting.logsMessages
    }

    /// The lowest level that a logger writes.
    func level(of label: String) -> Logger.Level {
        guard let setting = setting.withLock({ $0 }) else { return .info }
        if label == MessageLog.label { return setting.logsMessages ? .debug : max(.info, setting.level) }
        return setting.level
    }

    /// Writes a line, in one piece.
    func write(_ line: String) {
        var line = line
        // Under the lock, so that a file is not closed under the hands of a thread that writes to it.
        descriptor.withLock { descriptor in
            line.withUTF8 { bytes in _ = cmitogen_write_all(descriptor, bytes.baseAddress, bytes.count) }
        }
    }
}

/// Writes swift-log's records as lines to ``LogOutput``.
struct LineLogHandler: LogHandler {
    let label: String
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    private var ownLevel: Logger.Level?

    /// Bootstraps swift-log, the first time that it is asked for.
    static let installation: Void = LoggingSystem.bootstrap { LineLogHandler(label: $0) }

    init(label: String) {
        self.label = label
    }

    var logLevel: Logger.Level {
        get { ownLevel ?? LogOutput.shared.level(of: label) }
        set { ownLevel = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let metadata = LogMetadata.all(of: event, in: self)
        LogOutput.shared.write(Self.line(level: event.level, label, "\(event.message)", metadata))
    }

    /// `HH:MM:SS.ffffff L name: text key=value`, with its end.
    static func line(
        level: Logger.Level,
        _ label: String,
        _ text: String,
        _ metadata: PickleDictionary = [:]
    ) -> String {
        let letter = level.rawValue.prefix(1).uppercased()
        var metadata = metadata
        // The context is the end of the label already.
        if label.hasSuffix("]") { metadata.removeValue(forKey: .string(ForwardedLogs.contextKey)) }
        let suffix = metadata.isEmpty ? "" : " " + VisibleText.oneLine(LogMetadata.text(metadata))
        return "\(localTime()) \(letter) \(VisibleText.oneLine(label)): \(VisibleText.oneLine(text))\(suffix)\n"
    }

    /// The local time; as a part of a file's name if that is asked for.
    static func localTime(isForName: Bool = false) -> String {
        var buffer = [CChar](repeating: 0, count: 32)
        cmitogen_local_time(&buffer, buffer.count, isForName)
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
