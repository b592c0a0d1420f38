//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// How a command ended and what it wrote.
public struct ProcessResult: Sendable, Hashable {
    public let status: ExitStatus
    /// What it wrote to its standard output; empty if that was passed on while it ran.
    public let standardOutput: [UInt8]
    /// What it wrote to its standard error; empty if that was passed on while it ran.
    public let standardError: [UInt8]
    /// Whether it was ended because its time was over.
    public let hasTimedOut: Bool

    /// What it was, for messages.
    let command: String
    /// Where it ran, for messages.
    let context: String
    /// The end of its standard error, for messages, also if that was passed on.
    let errorTail: [UInt8]

    /// The standard output as text, with U+FFFD for what is not UTF-8.
    public var outputText: String { String(decoding: standardOutput, as: UTF8.self) }
    /// The standard error as text, with U+FFFD for what is not UTF-8.
    public var errorText: String { String(decoding: standardError, as: UTF8.self) }

    /// The result of a command that has succeeded.
    ///
    /// ```swift
    /// let version = try await host.run(["git", "--version"]).checked().outputText
    /// ```
    ///
    /// `throwsOnFailure: true` of ``ProcessHost/run(_:stdin:environment:workingDirectory:timeout:teardown:outputLimit:throwsOnFailure:)``
    /// does the same.
    ///
    /// - Returns: The same result, if the exit status is 0.
    /// - Throws: ``MitogenError`` with `.commandFailed`: the message has the command and how it ended, and
    ///   ``MitogenError/diagnostics`` the last 20 lines of what it wrote to its standard error, 16 KiB at most.
    @discardableResult
    public func checked() throws(MitogenError) -> ProcessResult {
        if !hasTimedOut, status == .exited(0) { return self }
        let end = hasTimedOut ? "was ended because its time was over" : "has failed: \(status)"
        throw MitogenError(
            .commandFailed,
            "\(command) \(end)",
            context: context,
            diagnostics: ErrorTail.lines(of: errorTail)
        )
    }
}

extension ProcessResult {
    /// The same end with the output that was collected meanwhile.
    func collected(_ output: [UInt8], _ errors: [UInt8]) -> ProcessResult {
        ProcessResult(
            status: status,
            standardOutput: output,
            standardError: errors,
            hasTimedOut: hasTimedOut,
            command: command,
            context: context,
            errorTail: errorTail
        )
    }
}
