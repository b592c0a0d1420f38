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

    /// The standard output as text, with U+FFFD for what is not UTF-8.
    public var outputText: String { String(decoding: standardOutput, as: UTF8.self) }
    /// The standard error as text, with U+FFFD for what is not UTF-8.
    public var errorText: String { String(decoding: standardError, as: UTF8.self) }
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
}
