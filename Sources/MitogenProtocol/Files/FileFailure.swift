//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import MitogenPickle

/// Why a file or folder could not be read or written.
package struct FileFailure: Error, Sendable, Hashable {
    /// What kind of failure it is; the number is what travels.
    package enum Reason: UInt8, Sendable, CaseIterable {
        case other
        case noSuchFile
        case permissionDenied
        case readOnly
        case diskFull
        case isFolder
        case isNotFolder
        /// A device, a FIFO or a socket.
        case isNotRegular
        case changed
        case vanished
        case checksumMismatch
        /// A path that would lead out of its tree.
        case unsafePath
        /// The file cannot be replaced, only written into.
        case cannotReplace
        /// The peer was lost, or sent what it may not.
        case connection
        /// The peer took no data for too long.
        case stalled
        case cancelled
    }

    package var reason: Reason
    /// The path on the side where it happened.
    package var path: [UInt8]
    /// What happened, without the path.
    package var message: String
    package var hint: Hint?
    /// The number of the entry with which a transfer has ended; nil if it goes on.
    package var lastEntry: Int?

    package init(_ reason: Reason, _ path: [UInt8], _ message: String, hint: Hint? = nil) {
        self.reason = reason
        self.path = path
        self.message = message
        self.hint = hint
    }

    /// Whether other files will fail for the same reason.
    package var isFatal: Bool {
        switch reason {
        case .diskFull, .readOnly, .connection, .stalled, .cancelled: true
        default: false
        }
    }

    /// The failure for people, on one line.
    package var text: String { path.isEmpty ? message : "\(FilePath.visible(path)): \(message)" }
}

extension FileFailure {
    /// The failure as an error.
    ///
    /// - Parameter context: Where it happened.
    package func error(in context: String?) -> MitogenError {
        MitogenError(code, text, context: context, hint: hint)
    }

    private var code: MitogenError.Code {
        switch reason {
        case .other, .isNotRegular, .unsafePath, .cannotReplace: .fileError
        case .noSuchFile: .noSuchFile
        case .permissionDenied: .permissionDenied
        case .readOnly: .readOnlyFileSystem
        case .diskFull: .diskFull
        case .isFolder: .isFolder
        case .isNotFolder: .isNotFolder
        case .changed, .vanished: .fileChanged
        case .checksumMismatch: .checksumMismatch
        case .connection: .channelError
        case .stalled: .timeoutError
        case .cancelled: .cancelled
        }
    }
}

extension MitogenError.Code {
    /// A file or folder could not be read or written; the message says why.
    public static let fileError = MitogenError.Code("fileError")
    /// There is no such file or folder.
    public static let noSuchFile = MitogenError.Code("noSuchFile")
    /// The account may not read or write a file or folder.
    public static let permissionDenied = MitogenError.Code("permissionDenied")
    /// The file system is mounted read-only.
    public static let readOnlyFileSystem = MitogenError.Code("readOnlyFileSystem")
    /// What was to be a file is a folder.
    public static let isFolder = MitogenError.Code("isFolder")
    /// What was to be a folder is something else.
    public static let isNotFolder = MitogenError.Code("isNotFolder")
    /// A file was changed or removed while it was read.
    public static let fileChanged = MitogenError.Code("fileChanged")
}

extension FileFailure: PickleValueConvertible {
    package var pickleValue: PickleValue {
        .tuple([
            .integer(reason.rawValue), .bytes(path), .string(message), hint.map { .string($0.encoded) } ?? .none,
            lastEntry.map { .int($0) } ?? .none,
        ])
    }

    package init(pickleValue: PickleValue) throws(PickleError) {
        var fields = try PickleFields(pickleValue)
        // A later version may know more reasons.
        reason = Reason(rawValue: try fields.number()) ?? .other
        path = try fields.bytes()
        message = try fields.text()
        hint = try fields.optionalText().map { Hint(encoded: $0) }
        lastEntry = try? fields.integer()
    }
}
