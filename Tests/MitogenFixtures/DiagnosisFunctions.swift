//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
public import Mitogen

/// What the router of a context does, as JSON.
public struct DumpHere: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws -> String {
        context.router.dump().json
    }
}

/// The debug file of a context.
public struct DebugFileHere: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws -> String? {
        context.router.debugFile
    }
}

/// Logs a record with metadata: of the logger, and of its own.
public struct LogWithMetadata: RemoteFunction {
    public var label: String

    public init(label: String) {
        self.label = label
    }

    public func run(in context: ExternalContext) async throws {
        var logger = Logger(label: label)
        logger[metadataKey: "shop"] = "west"
        logger[metadataKey: "number"] = "0"
        logger.info(
            "order\ntaken",
            metadata: [
                "number": "\(17)", "items": ["pen", "ink"], "buyer": ["name": "Ada"], "mitogen_context": "forged",
            ]
        )
    }
}

/// The fixture as a master that logs to files: to the first, then to the second.
enum LogToFiles {
    static func run(_ paths: [String], _ router: Router) async throws {
        guard paths.count == 2 else { throw MitogenError(.misuse, "two paths are needed") }
        try Mitogen.bootstrapLogging(path: paths[0], level: .debug)
        let first = try await router.local { $0.name = "first" }
        try await first.call(LogAtEveryLevel(label: "shop"))
        try await first.call(LogWithMetadata(label: "shop"))
        try await first.shutdown(waits: true)
        try Mitogen.bootstrapLogging(path: paths[1], level: .error, logsMessages: true)
        let second = try await router.local { $0.name = "second" }
        try await second.call(LogAtEveryLevel(label: "shop"))
        try await second.shutdown(waits: true)
    }
}
