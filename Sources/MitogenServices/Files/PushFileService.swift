//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen
internal import MitogenFiles
internal import MitogenProtocol
internal import Synchronization

/// Sends small files from a context to those below it, hop by hop, and keeps them in memory there (Mitogen semantics,
/// section 8.3). Python contexts can take part.
///
/// ```swift
/// try await router.pushFileService.propagate(to: worker, path: "/etc/app.conf")
/// // in the worker:
/// let bytes = try await context.router.pushFileService.get("/etc/app.conf")
/// ```
///
/// A file crosses each link once, however many contexts below get it. What is too large for that is for ``FilePush`` of
/// `MitogenFiles`.
public final class PushFileService: ActivatableService {
    public static let name = "mitogen.service.PushFileService"
    public static let methods: [any ServiceMethod.Type] = [
        PropagateTo.self, PropagatePaths.self, StoreAndForward.self, Forward.self,
    ]

    /// One request after the other: what is to be passed on has been stored then, if it was sent before.
    public static let ordering = ServiceOrdering.serial
    /// A file may have so many bytes, and all together in one context so many more.
    public static let largestFile = 16 << 20
    private static let mostBytes = 256 << 20

    private struct State {
        var files: [[UInt8]: [UInt8]] = [:]
        var byteCount = 0
        var waiters: [[UInt8]: OneShot<[UInt8]>] = [:]
        /// Which paths each neighbour has been sent.
        var sent: [ContextID: Set<[UInt8]>] = [:]
    }

    private let router: Router
    private let state = Mutex(State())

    public init(router: Router) {
        self.router = router
    }

    /// The service of a router, which is made when it is first asked for.
    ///
    /// - Throws: ``MitogenError`` with `.misuse` if the router is shut down.
    static func of(_ router: Router) throws(MitogenError) -> PushFileService {
        try router.services.service { PushFileService(router: router) }
    }

    // MARK: Using

    /// Sends a file of this context to one below, and to those on the way.
    ///
    /// Returns when it is on its way; ``get(_:timeout:)`` there waits for it. A path that was sent before is not sent
    /// to the same context again, even if the file has changed.
    ///
    /// - Parameters:
    ///   - context: A context below this one.
    ///   - path: An absolute path; what the file is called there, too.
    ///   - source: Where the content is read instead; `path` by default.
    /// - Throws: ``MitogenError``: `.noSuchFile`, `.permissionDenied`, `.isFolder`, `.fileError` if the file cannot be
    ///   read, or has more than 16 MiB; `.channelError` if the context cannot be reached.
    public func propagate(
        to context: Context,
        path: ByteString,
        source: ByteString? = nil
    ) async throws(MitogenError) {
        if state.withLock({ $0.files[path.bytes] }) == nil {
            let bytes = try Self.read((source ?? path).bytes)
            try store(bytes, as: path.bytes)
        }
        try await forward(path.bytes, to: context)
    }

    /// The content of a file that another context has sent, or will send, here.
    ///
    /// - Parameters:
    ///   - path: As it was sent.
    ///   - timeout: How long to wait for it at most; for ever by default.
    /// - Throws: ``MitogenError``: `.timeoutError`; `.cancelled` if the calling task is.
    public func get(_ path: ByteString, timeout: Duration? = nil) async throws(MitogenError) -> [UInt8] {
        let (known, waiter) = state.withLock { state -> ([UInt8]?, OneShot<[UInt8]>) in
            let waiter = state.waiters[path.bytes] ?? OneShot()
            if let known = state.files[path.bytes] { return (known, waiter) }
            state.waiters[path.bytes] = waiter
            return (nil, waiter)
        }
        if let known { return known }
        return try await waiter.value(within: timeout, on: router.broker, "\(path) has not arrived")
    }

    // MARK: Parts

    private static func read(_ path: [UInt8]) throws(MitogenError) -> [UInt8] {
        do throws(FileFailure) {
            var file = try FileReader(path: path)
            guard file.status.size <= largestFile else {
                throw FileFailure(
                    .other,
                    path,
                    "has more than \(largestFile >> 20) MiB, which is too much to keep in memory"
                )
            }
            var bytes: [UInt8] = []
            while let piece = try file.nextBytes(atMost: 1 << 20) { bytes += piece }
            return bytes
        } catch {
            throw error.error(in: nil)
        }
    }

    /// Keeps a file, and wakes who waits for it.
    func store(_ bytes: [UInt8], as path: [UInt8]) throws(MitogenError) {
        let (fits, waiter) = state.withLock { state -> (Bool, OneShot<[UInt8]>?) in
            let count = state.byteCount - (state.files[path]?.count ?? 0) + bytes.count
            guard count <= Self.mostBytes else { return (false, nil) }
            state.byteCount = count
            state.files[path] = bytes
            return (true, state.waiters.removeValue(forKey: path))
        }
        guard fits else {
            throw MitogenError(
                .misuse,
                "the files that were sent here have more than \(Self.mostBytes >> 20) MiB together"
            )
        }
        waiter?.resolve(.success(bytes))
    }

    /// Sends a file that is kept here on its way to a context.
    func forward(_ path: [UInt8], to context: Context) async throws(MitogenError) {
        guard context.id != router.contextID else { return }
        guard let next = context.nextHop, next.id != router.parentIDs.first else {
            throw MitogenError(.channelError, "there is no way down to \(context)", context: context.name)
        }
        let (bytes, isNew) = state.withLock { ($0.files[path], $0.sent[next.id, default: []].insert(path).inserted) }
        guard let bytes else { throw MitogenError(.callError, "\(FilePath.visible(path)) was not sent here") }
        do throws(MitogenError) {
            if isNew { try await prepare(next) }
            let path = ServicePath(ByteString(bytes: path))
            if isNew {
                try next.callServiceNoReply(StoreAndForward(path: path, data: Blob(bytes), context: context))
            } else if next.id != context.id {
                try next.callServiceNoReply(Forward(path: path, context: context))
            }
        } catch {
            state.withLock { _ = $0.sent[next.id]?.remove(path) }
            throw error
        }
    }

    /// Makes the service known there. Programs in other languages have their own, and no such function.
    private func prepare(_ context: Context) async throws(MitogenError) {
        do throws(MitogenError) {
            try await context.prepareService(PushFileService.self)
        } catch  where error.code == .callError || error.code == .unknownFunction {}
    }
}

extension Router {
    /// The service that sends files down the tree and keeps those that were sent, which is made when it is first asked
    /// for.
    ///
    /// - Throws: ``MitogenError`` with `.misuse` if the router is shut down.
    public var pushFileService: PushFileService {
        get throws(MitogenError) { try .of(self) }
    }
}
