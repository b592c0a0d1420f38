//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen

extension PushFileService {
    struct PropagateTo: ServiceMethod {
        static let name = "propagate_to"
        var context: Context
        var path: ServicePath
        var overridden_source: ServicePath?

        func run(in service: PushFileService, for request: ServiceRequest) async throws {
            try await service.propagate(
                to: context,
                path: ByteString(bytes: path.bytes),
                source: overridden_source.map { ByteString(bytes: $0.bytes) }
            )
        }
    }

    /// Modules are Python's: there are none to send.
    struct PropagatePaths: ServiceMethod {
        static let name = "propagate_paths_and_modules"
        var context: Context
        var paths: [ServicePath]

        func run(in service: PushFileService, for request: ServiceRequest) async throws {
            for path in paths { try await service.propagate(to: context, path: ByteString(bytes: path.bytes)) }
        }
    }

    struct StoreAndForward: UnansweredMethod {
        static let name = "store_and_forward"
        var path: ServicePath
        var data: Blob
        var context: Context

        func run(in service: PushFileService, for request: ServiceRequest) async throws {
            try service.store(data.bytes, as: path.bytes)
            try await service.forward(path.bytes, to: context)
        }
    }

    struct Forward: UnansweredMethod {
        static let name = "forward"
        var path: ServicePath
        var context: Context

        func run(in service: PushFileService, for request: ServiceRequest) async throws {
            try await service.forward(path.bytes, to: context)
        }
    }
}
