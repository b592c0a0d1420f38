//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What all forms of running a command have in common.
struct ProcessRequest: Sendable {
    var command: RunProcess.Invocation
    var stdin: ProcessInput = .null
    var timeout: Duration?
    var teardown: [TeardownStep] = [.terminate(wait: .seconds(2))]
    /// Whether a failure of the command is an error.
    var throwsOnFailure = false
    /// Called for each stream that the command closes before it ends, in order with the output before it.
    var whenClosed: @Sendable (CommandStream) async -> Void = { _ in }
}

extension Context {
    /// Starts a command, and ends it if it still runs when `body` has returned.
    private func perform<Value>(
        _ request: ProcessRequest,
        _ body: (ProcessSession) async -> Value
    ) async throws(MitogenError) -> Value {
        let timeout = try CallDeadline.timeLeft(request.timeout)
        let teardown = try request.teardown.checked()
        let input = try request.stdin.open()
        let session = try ProcessSession(request, in: self)
        defer { session.close() }
        let message = RunProcess(
            command: request.command,
            timeout: timeout.map { Double($0.nanoseconds) / 1e9 },
            hasInput: input != nil,
            handle: session.handle,
            teardown: teardown.map(RunProcess.Step.init)
        )
        try session.start(message, within: timeout)
        return await session.sending(input) { await body(session) }
    }

    func collect(_ request: ProcessRequest, outputLimit: Int) async throws(MitogenError) -> ProcessResult {
        var output: [UInt8] = []
        var errors: [UInt8] = []
        let outcome = try await perform(request) { session -> Result<ProcessResult, MitogenError> in
            do throws(MitogenError) {
                while let piece = try await session.next() {
                    guard output.count + errors.count + piece.bytes.count <= outputLimit else {
                        let text = "\(request.command.name) wrote more than \(outputLimit) bytes"
                        throw MitogenError(.misuse, text, context: name)
                    }
                    switch piece.source {
                    case .standardOutput: output += piece.bytes
                    case .standardError: errors += piece.bytes
                    }
                }
                return .success(try await session.result())
            } catch {
                return .failure(error)
            }
        }
        let result = try outcome.get()
        return result.collected(output, errors)
    }

    func passOn(
        _ request: ProcessRequest,
        to onOutput: (ProcessOutput.Piece) async -> Bool
    ) async throws(MitogenError) -> ProcessResult {
        let outcome = try await perform(request) { session -> Result<ProcessResult, MitogenError> in
            do throws(MitogenError) {
                while let piece = try await session.next() {
                    if await !onOutput(piece) { return .success(session.endedEarly) }
                }
                return .success(try await session.result())
            } catch {
                return .failure(error)
            }
        }
        return try outcome.get()
    }

    func withOutput<Value>(
        of request: ProcessRequest,
        _ body: (ProcessOutput) async throws -> Value
    ) async throws -> Value {
        let outcome = try await perform(request) { session -> Result<Value, any Error> in
            do {
                return .success(try await body(ProcessOutput(session: session)))
            } catch {
                return .failure(error)
            }
        }
        return try outcome.get()
    }
}
