//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
internal import MitogenProtocol
internal import Synchronization

/// Tells of every message that is routed: its header, never its content (upstream's logger `mitogen.io`).
final class MessageLog: Sendable {
    static let shared = MessageLog()
    static let label = "mitogen.io"

    private static let loggedBit: UInt8 = 1
    private static let filedBit: UInt8 = 2

    private let bits = Atomic<UInt8>(0)
    private let logger = Mutex<Logger?>(nil)

    /// Whether anybody wants to be told. It is asked for every message, so it is one load.
    var isOn: Bool { bits.load(ordering: .relaxed) != 0 }

    /// Whether swift-log is told.
    var isLogged: Bool {
        get { bits.load(ordering: .relaxed) & Self.loggedBit != 0 }
        set { set(Self.loggedBit, newValue) }
    }

    /// Whether the debug file is told.
    var isFiled: Bool {
        get { bits.load(ordering: .relaxed) & Self.filedBit != 0 }
        set { set(Self.filedBit, newValue) }
    }

    private func set(_ bit: UInt8, _ isOn: Bool) {
        if isOn {
            bits.bitwiseOr(bit, ordering: .relaxed)
        } else {
            bits.bitwiseAnd(~bit, ordering: .relaxed)
        }
    }

    /// A router has decided about a message.
    func note(_ header: MessageHeader, size: Int, _ action: RouterState.Action, from: Stream?, to: Stream?) {
        let text = Self.text(header, size: size, action, from: from?.name, to: to?.name)
        if isFiled { DebugFile.shared.write(level: .debug, Self.label, text) }
        guard isLogged else { return }
        let logger = logger.withLock { logger in
            let made = logger ?? Logger(label: Self.label)
            logger = made
            return made
        }
        // A context has no such record forwarded, and so needs no thread for it.
        guard !(logger.handler is ForwardingLogHandler) else { return }
        LogQueue.shared.add(.library, size: text.utf8.count) { logger.debug("\(text)") }
    }

    private static func text(
        _ header: MessageHeader,
        size: Int,
        _ action: RouterState.Action,
        from: String?,
        to: String?
    ) -> String {
        let handle = StandardHandle.name(of: header.handle).map { "\(header.handle) (\($0))" } ?? "\(header.handle)"
        let end =
            switch action {
            case .invoke: "delivered here"
            case .forward: "sent to \(to ?? "a closed stream")"
            case .drop(let reason): "dropped: \(reason)"
            case .answer(_, let reason): "refused: \(reason)"
            }
        let source = from.map { " from \($0)" } ?? ""
        return "\(header.srcID) to \(header.dstID), handle \(handle), reply to \(header.replyTo), "
            + "authority \(header.authID), \(size) bytes\(source): \(end)"
    }
}
