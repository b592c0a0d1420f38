//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
internal import MitogenProtocol

/// The handler of the library's own logger: the program's, and the debug file.
struct LibraryLogHandler: LogHandler {
    static let label = "mitogen"

    /// The program's own.
    private var inner: any LogHandler

    private let source: LogQueue.Source

    private init(_ source: LogQueue.Source) {
        inner = Logger(label: Self.label).handler
        self.source = source
    }

    /// A logger that uses the program's handler of this moment: programs set it up after their router is made.
    ///
    /// - Parameter source: What the records are about: what another context does can be very much.
    static func logger(about source: LogQueue.Source = .library) -> Logger {
        Logger(label: label) { _ in LibraryLogHandler(source) }
    }

    var logLevel: Logger.Level {
        get { DebugFile.shared.isOpen ? min(.debug, inner.logLevel) : inner.logLevel }
        set { inner.logLevel = newValue }
    }

    var metadata: Logger.Metadata {
        get { inner.metadata }
        set { inner.metadata = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { inner[metadataKey: key] }
        set { inner[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) {
        if DebugFile.shared.isOpen {
            let metadata = LogMetadata.all(of: event, in: self)
            DebugFile.shared.write(level: event.level, Self.label, "\(event.message)", metadata)
        }
        guard event.level >= inner.logLevel else { return }
        // Forwarding sends a message, which never blocks, and keeps the order of what the function logs and returns.
        if inner is ForwardingLogHandler { return inner.log(event: event) }
        LogQueue.shared.add(source, size: "\(event.message)".utf8.count) { [inner] in inner.log(event: event) }
    }
}
