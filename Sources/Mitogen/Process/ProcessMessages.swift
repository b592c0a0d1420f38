//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

/// What a caller sends to a command that runs for it.
struct ProcessControl: Codable, Sendable {
    /// The handle of the caller that the command's output goes to, which names the command.
    var handle: Handle
    /// How much of the output the caller has dealt with, as ``ProcessEvent/cost(of:)`` counts it.
    var credit: Int?
    /// Bytes for the command's standard input.
    var input: [UInt8]?
    /// There is no more input.
    var endsInput: Bool?
    /// How many bytes of input were sent before this, as a full way may lose some.
    var position: Int?
}

/// What a command sends to its caller while it runs: one byte that says what it is, then the content.
enum ProcessEvent: Sendable {
    case output([UInt8])
    case error([UInt8])
    /// The command has read so many bytes of its input.
    case inputCredit(Int)
    /// The command has closed one of its streams, and goes on.
    case closed(CommandStream)
    /// There is no more output; so many pieces were sent, some of which may still be on their way.
    case outputEnd(pieces: Int)

    /// The output, if it is any.
    var bytes: [UInt8]? {
        switch self {
        case .output(let bytes), .error(let bytes): bytes
        default: nil
        }
    }

    /// Whether it is in order with the output, which other messages pass.
    var isOutput: Bool {
        switch self {
        case .output, .error, .closed: true
        case .inputCredit, .outputEnd: false
        }
    }

    /// How many bytes of output one event has at most.
    static let mostBytes = 64 << 10

    /// What an event that has output counts in the window: its bytes, and about what it takes to keep it.
    static func cost(of bytes: [UInt8]) -> Int { bytes.count + 128 }

    /// Nil for what is no event, and for credit that no command gives.
    init?(decoding data: [UInt8]) {
        guard let kind = data.first else { return nil }
        switch kind {
        case 1: self = .output(Array(data.dropFirst()))
        case 2: self = .error(Array(data.dropFirst()))
        case 4:
            guard let stream = data.dropFirst().first.flatMap(CommandStream.init) else { return nil }
            self = .closed(stream)
        case 0, 3:
            guard let count = Int(String(decoding: data.dropFirst().prefix(20), as: UTF8.self)), count >= 0 else {
                return nil
            }
            self = kind == 0 ? .inputCredit(count) : .outputEnd(pieces: count)
        default: return nil
        }
    }

    var data: [UInt8] {
        switch self {
        case .output(let bytes): [1] + bytes
        case .error(let bytes): [2] + bytes
        case .inputCredit(let count): [0] + Array("\(count)".utf8)
        case .outputEnd(let pieces): [3] + Array("\(pieces)".utf8)
        case .closed(let stream): [4, stream.rawValue]
        }
    }
}

/// How much may be under way without having been dealt with (architecture decision D9).
enum ProcessWindow {
    static let output = Credit(items: .max, bytes: 1 << 20)
    static let inputSize = 256 << 10
    static let input = Window(Credit(items: .max, bytes: inputSize), first: 0)
}

/// A stream of a command that it can close before it ends.
package enum CommandStream: UInt8, Sendable {
    case input
    case output
}
