//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import Mitogen
internal import MitogenFiles
internal import MitogenPickle
package import MitogenProtocol

/// Asks a ``FileService`` for a file and writes it.
package struct FileServiceClient: Sendable {
    let path: ByteString
    let context: Context
    /// One that sends nothing for so long, once it has begun, has gone or given up.
    let patience: Duration

    package init(path: ByteString, context: Context, patience: Duration = .seconds(60)) {
        self.path = path
        self.context = context
        self.patience = patience
    }

    // On the threads of functions, which may block, whatever actor the caller runs on.
    @concurrent
    package func write(
        to destination: [UInt8],
        preservesMetadata: Bool
    ) async -> Result<FileService.Metadata, MitogenError> {
        var options = FileTransferOptions()
        options.preservesMetadata = preservesMetadata
        do throws(MitogenError) {
            guard let router = context.router else {
                throw MitogenError(.misuse, "\(context) was decoded outside a call, so no router is known for it")
            }
            let source = FileServiceSource.of(context, router)
            return try await source.gate.withPermit { () async throws(MitogenError) in
                .success(try await get(from: source, router, destination, options))
            }
        } catch {
            return .failure(error)
        }
    }

    private func get(
        from source: FileServiceSource,
        _ router: Router,
        _ destination: [UInt8],
        _ options: FileTransferOptions
    ) async throws(MitogenError) -> FileService.Metadata {
        let receiver = try MessageReceiver(router: router, respondent: context)
        let sender = Sender<PickleValue>(to: router.myself(), handle: receiver.handle)
        do throws(MitogenError) {
            let metadata = try await context.callService(
                FileService.Fetch(path: ServicePath(path), sender: sender)
            )
            source.noteProgress()
            try await receive(metadata, receiver, source, destination, options)
            receiver.close()
            return metadata
        } catch {
            // A request that was refused is not served, and a Swift service gives up by itself.
            if error.code == .callError || router.has(PeerInfo.flowControl, context.id) == true {
                receiver.close()
            } else {
                drain(receiver, source)
            }
            guard error.code == .channelError else { throw error }
            throw MitogenError(
                .channelError,
                "\(path): \(error.message)",
                context: error.context ?? context.name,
                remote: error.remote,
                diagnostics: error.diagnostics,
                hint: error.advice,
                connection: error.connection
            )
        }
    }

    private func receive(
        _ metadata: FileService.Metadata,
        _ receiver: MessageReceiver,
        _ source: FileServiceSource,
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
        while count <= metadata.size, let bytes = try await next(receiver, source, hasBegun: count > 0) {
            count += bytes.count
            digest.update(bytes)
            try take(.data(bytes), writer)
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

    /// The next piece, which is acknowledged before anything can go wrong with it; nil at the end.
    private func next(
        _ receiver: MessageReceiver,
        _ source: FileServiceSource,
        hasBegun: Bool
    ) async throws(MitogenError) -> [UInt8]? {
        let bytes: [UInt8]
        do throws(MitogenError) {
            bytes = try piece(try await message(receiver, source, hasBegun: hasBegun))
        } catch  where error.isEndOfChannel {
            return nil
        }
        try context.callServiceNoReply(FileService.Acknowledge(size: bytes.count))
        return bytes
    }

    private func message(
        _ receiver: MessageReceiver,
        _ source: FileServiceSource,
        hasBegun: Bool
    ) async throws(MitogenError) -> Message {
        while true {
            do throws(MitogenError) {
                let message = try await receiver.get(timeout: patience)
                source.noteProgress()
                return message
            } catch  where error.code == .timeoutError {
                // Files come one after the other, and those of other contexts may be among them.
                if !hasBegun, source.quiet < patience * 10 { continue }
                throw MitogenError(
                    .timeoutError,
                    "\(path): nothing came within \(hasBegun ? patience : patience * 10)",
                    context: context.name
                )
            }
        }
    }

    private func piece(_ message: Message) throws(MitogenError) -> [UInt8] {
        if message.encoding == .binary { return message.data }
        // Old versions of the Python implementation know no other way.
        switch try message.unpickle() {
        case .blob(let bytes), .bytes(let bytes): return bytes
        default: throw MitogenError(.streamError, "\(path): what came is no piece of a file", context: context.name)
        }
    }

    /// Takes what still comes of a file that nobody wants any more: Python serves no other one, to nobody on the same
    /// stream, before it is acknowledged. Unstructured, because the caller does not wait for that.
    private func drain(_ receiver: MessageReceiver, _ source: FileServiceSource) {
        Task(executorPreference: FunctionExecutor.shared) {
            let end = ContinuousClock.now + patience * 10
            var hasBegun = false
            while ContinuousClock.now < end, (try? await next(receiver, source, hasBegun: hasBegun)) != nil {
                hasBegun = true
            }
            receiver.close()
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
