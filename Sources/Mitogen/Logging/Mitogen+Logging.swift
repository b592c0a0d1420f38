//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
public import Logging
internal import MitogenProtocol
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension Mitogen {
    /// Lets swift-log write to standard error or to a file, one line for each record (Mitogen semantics, section 8.7).
    ///
    /// A line has the time, the first letter of the level, the logger, which for what a context has logged ends in
    /// `.[context]`, the text, and the metadata:
    ///
    /// ```
    /// 12:04:31.250113 I shop.[web1]: order taken number=17
    /// ```
    ///
    /// Each line is written in one piece. Characters that a terminal might obey are escaped. Contexts that are started
    /// afterwards forward their records from the same level up, see ``RouterConfiguration/forwardedLogLevel``.
    ///
    /// The environment variable `MITOGEN_LOG_LEVEL` takes precedence over `level` and `logsMessages`: the name of a
    /// level in any case, or `IO` for debug with `logsMessages`. A value that is neither is reported on standard error
    /// and ignored.
    ///
    /// Call it after ``runChildIfRequested()`` or in ``MitogenProgram/main(router:)``. It bootstraps swift-log, so it
    /// traps where that was done by other means. Called again it changes file and level.
    ///
    /// - Parameters:
    ///   - path: The file to write to, at its end; made if it does not exist, for its owner only. Standard error by
    ///     default.
    ///   - level: The lowest level to write; info by default.
    ///   - logsMessages: Whether the logger `mitogen.io` tells, at level debug, of every message that is routed: its header,
    ///     never its content. False by default.
    /// - Throws: ``MitogenError`` with `.misuse` if the file cannot be opened; nothing has changed then.
    public static func bootstrapLogging(
        path: String? = nil,
        level: Logger.Level = .info,
        logsMessages: Bool = false
    ) throws(MitogenError) {
        let setting = LogSetting.ofEnvironment ?? LogSetting(level: level, logsMessages: logsMessages)
        try LogOutput.shared.open(path, setting)
        // Only once: a second time swift-log would trap.
        _ = LineLogHandler.installation
    }
}

/// What is logged.
struct LogSetting: Sendable {
    var level: Logger.Level
    var logsMessages: Bool

    /// What `MITOGEN_LOG_LEVEL` says; nil if it is not set, or makes no sense, which is reported.
    static var ofEnvironment: LogSetting? {
        guard let value = getenv("MITOGEN_LOG_LEVEL"), value.pointee != 0 else { return nil }
        let name = String(cString: value)
        if let setting = LogSetting(named: name) { return setting }
        let shown = VisibleText.oneLine(String(name.prefix(40)))
        cmitogen_complain(
            "\(ProcessIdentity.programName): MITOGEN_LOG_LEVEL=\(shown) is ignored: it is none of trace, debug, "
                + "info, notice, warning, error, critical and IO\n"
        )
        return nil
    }

    init(level: Logger.Level, logsMessages: Bool = false) {
        self.level = level
        self.logsMessages = logsMessages
    }

    /// The names of swift-log's levels, those of Python's, and `IO`; in any case.
    init?(named name: String) {
        let name = name.lowercased()
        switch name {
        case "io": self.init(level: .debug, logsMessages: true)
        case "warn": self.init(level: .warning)
        case "fatal": self.init(level: .critical)
        default:
            guard let level = Logger.Level(rawValue: name) else { return nil }
            self.init(level: level)
        }
    }
}
