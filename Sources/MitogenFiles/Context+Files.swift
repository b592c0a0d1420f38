//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen
internal import MitogenProtocol

extension Context {
    /// Writes files and folders of this process in the context. For several contexts at once see ``FilePush``.
    ///
    /// - Parameters:
    ///   - source: What to read here; see ``FilePush/sources``.
    ///   - destination: Where to write there; see ``FilePush/destination``.
    ///   - options: How; folders are not transferred by default.
    /// - Returns: How much was transferred.
    /// - Throws: ``MitogenError``: what could not be read or written, with the path, after all else was transferred
    ///   (`.noSuchFile`, `.permissionDenied`, `.readOnlyFileSystem`, `.diskFull`, `.isFolder`, `.isNotFolder`,
    ///   `.fileChanged`, `.checksumMismatch`, `.fileError`); `.channelError` if the context is lost; `.cancelled` if the
    ///   calling task is. A file that was not completely transferred is dropped, and the one that it was to replace is as
    ///   it was.
    @discardableResult
    public func push(
        _ source: ByteString,
        to destination: ByteString,
        options: FileTransferOptions = FileTransferOptions()
    ) async throws(MitogenError) -> FileTransferReport {
        var push = FilePush([source], to: destination)
        push.options = options
        guard let report = try await push.run(on: [self]).first else {
            throw MitogenError(.misuse, "\(name) is no target")
        }
        return try report.checked()
    }

    /// Writes files and folders of the context here.
    ///
    /// - Parameters:
    ///   - source: What to read there; see ``FilePush/sources``.
    ///   - destination: Where to write here; see ``FilePush/destination``.
    ///   - options: How; folders are not transferred by default.
    /// - Returns: How much was transferred.
    /// - Throws: ``MitogenError`` as ``push(_:to:options:)``.
    @discardableResult
    public func fetch(
        _ source: ByteString,
        to destination: ByteString,
        options: FileTransferOptions = FileTransferOptions()
    ) async throws(MitogenError) -> FileTransferReport {
        var fetch = FileFetch([source], to: destination)
        fetch.options = options
        return try await fetch.run(from: self).checked()
    }
}
