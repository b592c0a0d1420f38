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
    /// - Returns: The same result, if the exit status is 0.
    /// - Throws: ``MitogenError`` with `.commandFailed`: the message has the command and how it ended, and
    ///   ``MitogenError/diagnostics`` the last 20 lines of what it wrote to its standard error, where that was collected.
    @discardableResult
    public func checked() throws(MitogenError) -> ProcessResult {
        if !hasTimedOut, status == .exited(0) { return self }
        let lines = errorText.split(separator: "\n").suffix(20).map(String.init)
        let end = hasTimedOut ? "was ended because its time was over" : "has failed: \(status)"
        throw MitogenError(.commandFailed, "\(command) \(end)", context: context, diagnostics: lines)
    }
}

/// A piece of what a command writes.
public struct ProcessOutput: Sendable, Hashable {
    public enum Source: Sendable, Hashable {
        case standardOutput
        case standardError
    }

    public let source: Source
    public let bytes: [UInt8]
}

/// What a command reads from its standard input.
public enum ProcessInput: Sendable {
    /// `/dev/null`.
    case null
    /// These bytes, then the end.
    case bytes([UInt8])
    /// What the sequence gives, as it comes and as fast as the command reads it, then the end.
    case stream(AsyncStream<[UInt8]>)

    /// A text, in UTF-8, then the end.
    public static func string(_ text: String) -> ProcessInput { .bytes(Array(text.utf8)) }
}
