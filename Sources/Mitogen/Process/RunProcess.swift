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
/// ``ProcessHost/run(_:stdin:environment:workingDirectory:timeout:teardown:outputLimit:throwsOnFailure:)``.
struct RunProcess: RemoteFunction {
    /// What to start, as bytes: nothing on the way may change them.
    struct Invocation: Codable, Sendable {
        var arguments: [ByteString]
        /// Variables to set, as `NAME=VALUE`.
        var environment: [ByteString]
        /// The names of variables that it does not have.
        var unset: [ByteString]
        /// Whether it has the context's variables, too.
        var inheritsEnvironment: Bool
        var directory: ByteString?
        /// What is brought along and run with the arguments, instead of a program that is there.
        var script: [UInt8]?

        init<Word: ProcessWord>(
            _ arguments: [Word],
            _ environment: ProcessEnvironment,
            _ directory: Word?,
            script: [UInt8]? = nil
        ) {
            self.arguments = arguments.map(\.byteString)
            self.environment = environment.additions
            unset = environment.removals
            inheritsEnvironment = environment.isInherited
            self.directory = directory?.byteString
            self.script = script
        }

        /// What to call it in messages.
        var name: String { script == nil ? arguments.first?.description ?? "" : "the script" }
    }

    /// A step of ending it; see ``TeardownStep``.
    struct Step: Codable, Sendable {
        var signal: Int32
        /// In seconds.
        var wait: Double

        init(_ step: TeardownStep) {
            signal = step.signal
            wait = Double(step.wait.nanoseconds) / 1e9
        }
    }

    var command: Invocation
    var timeout: Double?
    var hasInput: Bool
    /// The caller's handle that output goes to.
    var handle: Handle
    /// How many bytes of output may be sent unasked.
    var window = Credit.first
    var teardown: [Step]

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
