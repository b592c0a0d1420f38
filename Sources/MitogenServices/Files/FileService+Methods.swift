//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen
internal import MitogenFiles
internal import MitogenPickle
internal import MitogenProtocol

extension FileService {
    /// What there is to know of a file before its data comes.
    public struct Metadata: Codable, Sendable, Hashable {
        public var size: Int
        /// The kind of file and the permissions, as `stat(2)` has them.
        public var mode: UInt32
        /// Seconds since 1970.
        public var mtime: Double
        public var atime: Double
        /// The name of the user that it belongs to; nil if there is none.
        public var owner: String?
        public var group: String?

        /// All keys are always there: Python's callers look for them.
        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(size, forKey: .size)
            try container.encode(mode, forKey: .mode)
            try container.encode(mtime, forKey: .mtime)
            try container.encode(atime, forKey: .atime)
            try container.encode(owner, forKey: .owner)
            try container.encode(group, forKey: .group)
        }
    }

    struct Register: ServiceMethod {
        static let name = "register"
        var path: ServicePath

        func run(in service: FileService, for request: ServiceRequest) async throws {
            try service.register(ByteString(bytes: path.bytes))
        }
    }

    struct RegisterPrefix: ServiceMethod {
        static let name = "register_prefix"
        var path: ServicePath

        func run(in service: FileService, for request: ServiceRequest) async throws {
            try service.registerPrefix(ByteString(bytes: path.bytes))
        }
    }

    struct Fetch: ServiceMethod {
        static let name = "fetch"
        static let policy = ServicePolicy.anyone
        var path: ServicePath
        var sender: Sender<PickleValue>

        func run(in service: FileService, for request: ServiceRequest) async throws -> Metadata {
            guard sender.context.id == request.header.srcID, let caller = request.caller else {
                throw MitogenError(.callError, "sender= kwarg context must match requestee context")
            }
            let reader = service.reader(for: caller)
            try reader.enter()
            let file: FileReader
            do throws(MitogenError) {
                file = try service.open(path, isParent: request.hasParentAuthority)
            } catch {
                reader.leave()
                throw error
            }
            let metadata = file.status.serviceMetadata
            service.send(file, to: reader, at: sender.handle)
            return metadata
        }
    }

    struct Acknowledge: UnansweredMethod {
        static let name = "acknowledge"
        static let policy = ServicePolicy.anyone
        var size: Int

        func run(in service: FileService, for request: ServiceRequest) async throws {
            service.acknowledge(size, from: request.header.srcID)
        }
    }

    // MARK: Asking

    /// Gets a file from the service of another context, and writes it here.
    ///
    /// The file takes the place of what was there when it is complete.
    ///
    /// - Parameters:
    ///   - path: An absolute path there.
    ///   - context: The context with the service, such as ``ExternalContext/master``.
    ///   - destination: Where to write it here.
    ///   - preservesMetadata: Whether it gets the permissions and times that it has there; false by default.
    /// - Returns: What the service tells of the file.
    /// - Throws: ``MitogenError``: `.callError` if the file is not registered or cannot be read; `.fileError`,
    ///   `.diskFull`, `.permissionDenied` and the like if it cannot be written; `.fileChanged` if not all of it came;
    ///   `.timeoutError` if nothing comes for a minute, or for ten before the first piece, as files of others may come
    ///   first; `.channelError` if the context is lost; `.cancelled` if the calling task is.
    @discardableResult
    public static func get(
        _ path: ByteString,
        from context: Context,
        to destination: ByteString,
        preservesMetadata: Bool = false
    ) async throws(MitogenError) -> Metadata {
        let writing = FileServiceClient(path: path, context: context)
        let result = await withTaskExecutorPreference(FunctionExecutor.shared) {
            await writing.write(to: destination.bytes, preservesMetadata: preservesMetadata)
        }
        return try result.get()
    }
}

extension FileStatus {
    fileprivate var serviceMetadata: FileService.Metadata {
        let accounts = Accounts()
        func seconds(_ time: FileTime) -> Double { Double(time.seconds) + Double(time.nanoseconds) / 1e9 }
        return FileService.Metadata(
            size: size,
            mode: 0o100000 | metadata.mode,
            mtime: seconds(metadata.modified),
            atime: seconds(metadata.accessed),
            owner: accounts.userName(metadata.userID),
            group: accounts.groupName(metadata.groupID)
        )
    }
}
