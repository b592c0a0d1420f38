//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import MitogenProtocol

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Runs a command in the context that it is called in; the library's own remote function behind
/// ``Context/run(_:stdin:environment:workingDirectory:timeout:outputLimit:)-(_,_,_,String?,_,_)``.
struct RunProcess: RemoteFunction {
    /// What to start, as bytes: nothing on the way may change them.
    struct Invocation: Codable, Sendable {
        var arguments: [ByteString]
        /// Variables as `NAME=VALUE`.
        var environment: [ByteString]
        var directory: ByteString?
        /// What is brought along and run with the arguments, instead of a program that is there.
        var script: [UInt8]?

        init(_ arguments: [String], _ environment: [String: String], _ directory: String?) {
            self.arguments = arguments.map { ByteString($0) }
            self.environment = environment.sorted { $0.key < $1.key }.map { ByteString("\($0.key)=\($0.value)") }
            self.directory = directory.map { ByteString($0) }
        }

        init(_ arguments: [ByteString], _ environment: [ByteString: ByteString], _ directory: ByteString?) {
            self.arguments = arguments
            self.environment = environment.map { ByteString(bytes: $0.key.bytes + "=".utf8 + $0.value.bytes) }
            self.directory = directory
        }

        /// What to call it in messages.
        var name: String { script == nil ? arguments.first?.description ?? "" : "the script" }
    }

    var command: Invocation
    var timeout: Double?
    var hasInput: Bool
    /// The caller's handle that output goes to.
    var handle: Handle
    /// How many bytes of output may be sent unasked.
    var window = Credit.first

    struct Output: Codable, Sendable {
        var status: ExitStatus
        var hasTimedOut: Bool
    }

    func run(in context: ExternalContext) async throws -> Output {
        guard let script = command.script else { return try await start(in: context) }
        let program = try ScriptProgram(of: script)
        let files = context.router.processes.scripts
        let path = try files.add(script, isExecuted: program == .itself)
        defer { files.remove(path) }
        var request = self
        request.command.arguments = program.words(file: path, arguments: command.arguments)
        return try await request.start(in: context)
    }

    private func start(in context: ExternalContext) async throws -> Output {
        let command = try Command(self, for: context.caller.id, in: context.router)
        return try await withTaskCancellationHandler {
            try await command.waitUntilEnded()
        } onCancel: {
            command.abandon()
        }
    }
}
