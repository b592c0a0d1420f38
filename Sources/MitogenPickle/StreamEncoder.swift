//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The encoder that values see. One object serves a whole value with all that it contains: what belongs to the value
/// that is encoded at the moment is kept in ``scope``, and put back when that value is complete.
final class StreamEncoder: Encoder {
    enum Mode {
        /// Nested containers go to the same output; each is closed when the one around it goes on.
        case streaming
        /// Nested containers have their own outputs, which are inserted at the end.
        case buffering
    }

    /// The state of one value that is being encoded.
    struct Scope {
        enum Content {
            case nothing
            case value
            case keyed(Int)
            case unkeyed(Int)
        }

        var content = Content.nothing
        /// How many frames are around the value.
        var frames: Int
        /// The type of the value, by which the keys of dictionaries are told apart.
        var type: Any.Type
    }

    /// The output of another encoder, and where it belongs.
    struct Splice {
        let offset: Int
        let encoder: StreamEncoder
    }

    let mode: Mode
    let sendableInfo: [CodingUserInfoKey: any Sendable]
    var writer = PickleWriter()
    var scope = Scope(frames: 0, type: Never.self)
    var codingPath: [any CodingKey] = []
    var splices: [Splice] = []

    /// How many values are being encoded, one within the other. Not all of them have containers.
    var nesting = 0

    /// What went wrong where nothing can be thrown.
    var failure: (any Error)?

    /// Where an error was thrown that does not know that itself.
    var failurePath: [any CodingKey]?

    /// Whether a container was used after the one around it went on.
    var isInterleaved = false

    init(mode: Mode, userInfo: [CodingUserInfoKey: any Sendable]) {
        self.mode = mode
        self.sendableInfo = userInfo
    }

    /// An encoder whose output will be inserted into that of another.
    init(within parent: StreamEncoder, key: any CodingKey) {
        self.mode = parent.mode
        self.sendableInfo = parent.sendableInfo
        self.codingPath = parent.codingPath + [key]
        self.nesting = parent.nesting + 1
        // Output that is inserted later cannot take part in counting memo entries.
        var options = parent.writer.options
        options.memoizes = false
        self.writer = PickleWriter(options: options)
        self.writer.depth = parent.writer.depth
        self.writer.open(PickleWriter.Frame(kind: .fragment))
        self.scope = Scope(frames: writer.frames.count, type: Never.self)
    }

    var userInfo: [CodingUserInfoKey: Any] { sendableInfo }

    /// Encodes the value that the whole output is for.
    func encodeRoot<T: Encodable>(_ value: T) throws {
        scope.frames = writer.frames.count
        try encodeValue(value)
        try checkFailure()
        if !splices.isEmpty {
            writer.bytes = try assembled()
        }
    }

    /// The output with all that belongs into it.
    func assembled() throws -> [UInt8] {
        var result: [UInt8] = []
        var start = 0
        for splice in splices {
            result += writer.bytes[start..<splice.offset]
            result += try splice.encoder.completed()
            start = splice.offset
        }
        result += writer.bytes[start...]
        return result
    }

    /// The output of an encoder that is inserted into another, which ends when the whole value does.
    private func completed() throws -> [UInt8] {
        try checkFailure()
        try completeScope()
        return try assembled()
    }

    /// Notes an error after which the output cannot be used, even if the value that is being encoded goes on.
    func fail(_ error: any Error) -> any Error {
        failure = failure ?? error
        return error
    }

    func checkFailure() throws {
        if let failure {
            throw failure
        }
    }

    /// An error for something that this value does and no encoder can follow.
    func misuse(_ text: String) -> EncodingError {
        .invalidValue(scope.type, .init(codingPath: codingPath, debugDescription: text))
    }
}
