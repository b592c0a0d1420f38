//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen
internal import MitogenFiles
internal import MitogenProtocol
internal import Synchronization

/// Gives files of this context to others that ask for them (Mitogen semantics, section 8.2). Python contexts can ask
/// as well.
///
/// ```swift
/// let files = try router.fileService
/// try files.registerPrefix("/srv/packages")
/// // in a child:
/// try await FileService.get("/srv/packages/app.tar", from: context.master, to: "/tmp/app.tar")
/// ```
///
/// Only what was registered is given, to anyone; to ancestors everything. Below a registered folder no symbolic link is
/// followed, so that nothing leads out of it. 1 MiB for each asking context is under way, whatever it asks for; its
/// files come one after the other, and no more than 100 wait.
public final class FileService: ActivatableService {
    public static let name = "mitogen.service.FileService"
    public static let methods: [any ServiceMethod.Type] = [
        Register.self, RegisterPrefix.self, Fetch.self, Acknowledge.self,
    ]

    private struct State {
        var paths: Set<[UInt8]> = []
        var prefixes: Set<[UInt8]> = []
        var readers: [ContextID: FileServiceReader] = [:]
        var jobs: [Int: Task<Void, Never>] = [:]
        var lastJob = 0
        var isOver = false
    }

    let router: Router
    private let state = Mutex(State())

    public init(router: Router) {
        self.router = router
    }

    /// The service of a router, which is made when it is first asked for.
    ///
    /// - Throws: ``MitogenError`` with `.misuse` if the router is shut down.
    static func of(_ router: Router) throws(MitogenError) -> FileService {
        try router.services.service { FileService(router: router) }
    }

    // MARK: Registering

    /// Lets everyone have a file.
    ///
    /// - Parameter path: An absolute path. If it names a symbolic link, that is followed.
    /// - Throws: ``MitogenError`` with `.misuse` if the path is not absolute.
    public func register(_ path: ByteString) throws(MitogenError) {
        let path = try Self.absolute(path)
        state.withLock { _ = $0.paths.insert(path) }
    }

    /// Lets everyone have all files in a folder, at any depth.
    ///
    /// - Parameter path: An absolute path.
    /// - Throws: ``MitogenError`` with `.misuse` if the path is not absolute.
    public func registerPrefix(_ path: ByteString) throws(MitogenError) {
        let path = try Self.absolute(path)
        state.withLock { _ = $0.prefixes.insert(path) }
    }

    private static func absolute(_ path: ByteString) throws(MitogenError) -> [UInt8] {
        guard let normal = FilePath.normalized(absolute: path.bytes) else {
            throw MitogenError(.misuse, "'\(path)' is not an absolute path")
        }
        return normal
    }

    /// Opens what somebody has asked for.
    ///
    /// - Parameter isParent: Whether everything may be had.
    func open(_ path: ServicePath, isParent: Bool) throws(MitogenError) -> FileReader {
        guard let normal = FilePath.normalized(absolute: path.bytes) else { throw Self.isNotRegistered(path) }
        let (isRegistered, prefix) = state.withLock { state in
            // The longest one, so that as little as possible is opened by following links.
            let prefixes = state.prefixes.filter { Self.isAncestor($0, of: normal) }
            return (state.paths.contains(normal), prefixes.max { $0.count < $1.count })
        }
        do throws(FileFailure) {
            if isRegistered || (isParent && prefix == nil) { return try FileReader(path: normal) }
            if let prefix { return try FileReader(normal, below: prefix) }
        } catch {
            if error.reason == .isFolder || error.reason == .isNotRegular {
                throw MitogenError(.callError, "\(path.quoted) is not a regular file.")
            }
            throw error.error(in: nil)
        }
        throw Self.isNotRegistered(path)
    }

    private static func isAncestor(_ folder: [UInt8], of path: [UInt8]) -> Bool {
        let slash = UInt8(ascii: "/")
        return path.starts(with: folder.last == slash ? folder : folder + [slash])
    }

    private static func isNotRegistered(_ path: ServicePath) -> MitogenError {
        MitogenError(.callError, "Path \(path.quoted) is not registered with FileService.")
    }

    // MARK: Sending

    func reader(for context: Context) -> FileServiceReader {
        state.withLock { state in
            if let reader = state.readers[context.id] { return reader }
            let reader = FileServiceReader(context: context)
            state.readers[context.id] = reader
            return reader
        }
    }

    /// Sends a file after those that the same context has asked for before, and gives its place back.
    func send(_ file: FileReader, to reader: FileServiceReader, at handle: Handle) {
        let number = state.withLock { state in
            state.lastJob += 1
            return state.lastJob
        }
        let turn = reader.queue.reserve()
        let isNoted = OneShot<Void>()
        // Unstructured, because the request is answered before its data is sent; the table holds the task so that it can
        // be cancelled.
        let task = Task(executorPreference: FunctionExecutor.shared) {
            _ = await isNoted.wait()
            await reader.send(file, to: handle, in: turn)
            reader.leave()
            self.state.withLock { _ = $0.jobs.removeValue(forKey: number) }
        }
        let isOver = state.withLock { state in
            state.jobs[number] = task
            return state.isOver
        }
        if isOver { task.cancel() }
        isNoted.resolve(.success(()))
    }

    func acknowledge(_ size: Int, from context: ContextID) {
        state.withLock { $0.readers[context] }?.acknowledge(size)
    }

    public func shutdown() async {
        let jobs = state.withLock { state in
            state.isOver = true
            defer { state.jobs = [:] }
            return Array(state.jobs.values)
        }
        for job in jobs { job.cancel() }
        for job in jobs { await job.value }
    }
}

extension Router {
    /// The service that hands out files of this context, which is made when it is first asked for.
    ///
    /// - Throws: ``MitogenError`` with `.misuse` if the router is shut down.
    public var fileService: FileService {
        get throws(MitogenError) { try .of(self) }
    }
}
