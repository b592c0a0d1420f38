//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFiles
internal import MitogenPickle
internal import MitogenProtocol

/// Asks a ``FileService`` for a file and writes it.
struct FileServiceClient: Sendable {
    let path: ByteString
    let context: Context

    // On the threads of functions, which may block, whatever actor the caller runs on.
    @concurrent
    func write(to destination: [UInt8], preservesMetadata: Bool) async -> Result<FileService.Metadata, MitogenError> {
        var options = FileTransferOptions()
        options.preservesMetadata = preservesMetadata
        do throws(MitogenError) {
            guard let router = context.router else {
                throw MitogenError(.misuse, "\(context) was decoded outside a call, so no router is known for it")
            }
            let receiver = try MessageReceiver(router: router, respondent: context)
            defer { receiver.close() }
            let sender = Sender<PickleValue>(to: router.myself(), handle: receiver.handle)
            let metadata = try await context.callService(
                FileService.Fetch(path: ServicePath(path), sender: sender)
            )
            try await receive(metadata, receiver, destination, options)
            return .success(metadata)
        } catch {
            return .failure(error)
        }
    }

    private func receive(
        _ metadata: FileService.Metadata,
        _ receiver: MessageReceiver,
        _ destination: [UInt8],
        _ options: FileTransferOptions
    ) async throws(MitogenError) {
        let writer = try local { () throws(FileFailure) in
            try TreeWriter(path: destination, isFolder: false, options: options)
        }
        defer { writer.drop() }
        let name = FilePath.split(path.bytes).name
        let entry = FileEntry(path: name, kind: .regular, size: metadata.size, metadata: metadata.forWriter)
        var digest = ContentDigest()
        try take(.entry(entry), writer)
        var count = 0
        while count <= metadata.size, let bytes = try await next(receiver) {
            count += bytes.count
            digest.update(bytes)
            try take(.data(bytes), writer)
            try context.callServiceNoReply(FileService.Acknowledge(size: bytes.count))
        }
        guard count == metadata.size else {
            throw MitogenError(
                .fileChanged,
                "\(path): \(count) bytes came of the \(metadata.size) that were announced",
                context: context.name
            )
        }
        try take(.end(digest: digest.finish()), writer)
    }

    private func next(_ receiver: MessageReceiver) async throws(MitogenError) -> [UInt8]? {
        do throws(MitogenError) {
            let message = try await receiver.get()
            if message.encoding == .binary { return message.data }
            // Old versions of the Python implementation know no other way.
            switch try message.unpickle() {
            case .blob(let bytes), .bytes(let bytes): return bytes
            default: throw MitogenError(.streamError, "\(path): what came is no piece of a file", context: context.name)
            }
        } catch  where error.isEndOfChannel {
            return nil
        }
    }

    private func take(_ item: FileItem, _ writer: TreeWriter) throws(MitogenError) {
        if case .failed(let failure) = writer.take(item) { throw failure.error(in: nil) }
    }

    private func local<Value>(_ body: () throws(FileFailure) -> Value) throws(MitogenError) -> Value {
        do throws(FileFailure) { return try body() } catch { throw error.error(in: nil) }
    }
}

extension FileService.Metadata {
    fileprivate var forWriter: FileMetadata {
        func time(_ seconds: Double) -> FileTime {
            // What no file has as a time comes from a peer that is not to be believed.
            guard let whole = Int(exactly: seconds.rounded(.down)) else { return FileTime(seconds: 0, nanoseconds: 0) }
            let rest = Int32((seconds - seconds.rounded(.down)) * 1e9)
            return FileTime(seconds: whole, nanoseconds: min(rest, 999_999_999))
        }
        return FileMetadata(
            mode: mode & 0o7777,
            userID: .max,
            groupID: .max,
            modified: time(mtime),
            accessed: time(atime)
        )
    }
}
