//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Runs a command in the context that it is called in; the library's own remote function behind
/// ``Context/run(_:stdin:environment:workingDirectory:timeout:outputLimit:)``.
struct RunProcess: RemoteFunction {
    var arguments: [String]
    var environment: [String: String]
    var directory: String?
    var timeout: Double?
    var hasInput: Bool
    /// The caller's handle that output goes to.
    var handle: Handle

    struct Output: Codable, Sendable {
        var status: ExitStatus
        var hasTimedOut: Bool
    }

    func run(in context: ExternalContext) async throws -> Output {
        let command = try Command(self, for: context.caller.id, in: context.router)
        return try await withTaskCancellationHandler {
            try await command.waitUntilEnded()
        } onCancel: {
            command.terminate()
        }
    }
}
