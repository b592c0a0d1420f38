//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen
package import MitogenProtocol

/// Reads files and folders in another context and writes them here.
public struct FileFetch: Sendable {
    /// What to read there, as for ``FilePush/sources``.
    public var sources: [ByteString]
    /// Where to write here, as for ``FilePush/destination``.
    public var destination: ByteString
    public var options = FileTransferOptions()
    /// How many bytes may be on the way; 4 MiB by default.
    public var window = 4 << 20

    package var progress: TransferProgress?

    public init(_ sources: [ByteString], to destination: ByteString) {
        self.sources = sources
        self.destination = destination
    }

    /// Transfers the files.
    ///
    /// - Parameter context: A context below this one.
    /// - Returns: What has come of it. Files that cannot be read or written are in there, and do not keep the others from
    ///   going on; so is the loss of the context.
    /// - Throws: ``MitogenError`` with `.cancelled` if the calling task is; what was under way is dropped then.
    public func run(from context: Context) async throws(MitogenError) -> FileTransferReport {
        try await run(from: context) { _ in }
    }

    /// - Parameter onFailure: Called with each failure of a file.
    package func run(
        from context: Context,
        onFailure: @escaping @Sendable (MitogenError) async -> Void
    ) async throws(MitogenError) -> FileTransferReport {
        let result = await withTaskExecutorPreference(FunctionExecutor.shared) {
            await self.work(from: context, onFailure)
        }
        return try result.get()
    }

    // On the threads of functions, which may block, whatever actor the caller runs on.
    @concurrent
    private func work(
        from context: Context,
        _ onFailure: @Sendable (MitogenError) async -> Void
    ) async -> Result<FileTransferReport, MitogenError> {
        var report = FileTransferReport()
        let roots = sources.map(\.bytes)
        do throws(FileFailure) {
            let isFolder = roots.count != 1 || TreeWalker.isContents(roots[0])
            let writer = try TreeWriter(path: destination.bytes, isFolder: isFolder, options: options)
            report = try await receive(roots, from: context, writer, onFailure)
        } catch {
            if error.reason == .cancelled, Task.isCancelled { return .failure(error.error(in: nil)) }
            let isThere = error.reason == .connection || error.reason == .stalled
            report.failures.append(error.error(in: isThere ? context.name : nil))
        }
        return .success(report)
    }

    private func receive(
        _ roots: [[UInt8]],
        from context: Context,
        _ writer: TreeWriter,
        _ onFailure: @Sendable (MitogenError) async -> Void
    ) async throws(FileFailure) -> FileTransferReport {
        var report = FileTransferReport()
        let scope = FetchScope(roots: roots, isRecursive: options.isRecursive)
        var answers: Sender<Int>?
        var unwanted = -1
        var path: [UInt8] = []
        do throws(MitogenError) {
            for try await item in context.stream(ReadFiles(roots: roots, options: options), window: window) {
                if case .answers(_, let handle) = item, handle >= StandardHandle.firstFree {
                    answers = Sender(to: context, handle: handle)
                }
                if case .entry(let entry) = item, !scope.allows(entry) {
                    let failure = FileFailure(.unsafePath, entry.path, "was sent without having been asked for")
                    report.failures.append(failure.error(in: context.name))
                    return report
                }
                if case .entry(let entry) = item { path = entry.path }
                note(item)
                let outcome = writer.take(item)
                for failure in writer.takeFolderFailures().map({ $0.error(in: nil) }) {
                    Self.add(failure, to: &report)
                    await onFailure(failure)
                }
                var failure: MitogenError?
                switch outcome {
                case .none: break
                case .offset(let offset): try await answers?.send(offset)
                case .finished(let counts): report.finish(counts)
                case .sourceFailed(let cause): failure = cause.error(in: context.name)
                case .failed(let cause):
                    failure = cause.error(in: nil)
                    if cause.isFatal {
                        var cause = cause
                        cause.message += "; what comes after it was not tried"
                        report.failures.append(cause.error(in: nil))
                        return report
                    }
                }
                if let failure {
                    Self.add(failure, to: &report)
                    await onFailure(failure)
                }
                guard isContent(item), !writer.wantsData, unwanted < writer.entryNumber else { continue }
                unwanted = writer.entryNumber
                try await answers?.send(ReadFiles.refusal(of: unwanted))
            }
            return report
        } catch {
            throw FileFailure(error, at: path)
        }
    }

    /// All are told, but not all are kept: there may be any number.
    private static func add(_ failure: MitogenError, to report: inout FileTransferReport) {
        if report.failures.count < mostFailures { report.failures.append(failure) }
    }

    private static let mostFailures = 1000

    private func note(_ item: FileItem) {
        switch item {
        case .entry(let entry): progress?.begin(entry)
        case .data(let bytes): progress?.add(bytes: bytes.count)
        case .hole(let count): progress?.add(bytes: count)
        case .start(let offset): progress?.add(bytes: offset)
        default: break
        }
    }

    private func isContent(_ item: FileItem) -> Bool {
        switch item {
        case .entry(let entry): entry.kind == .regular
        case .data, .hole, .start: true
        default: false
        }
    }
}
