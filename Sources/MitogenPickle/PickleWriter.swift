//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Writes pickles, piece by piece, with the opcodes that Python Mitogen reads (Mitogen wire protocol, section 2.2).
///
/// A message is one or several streams, each of one value:
///
/// ```swift
/// var writer = PickleWriter()
/// try writer.beginStream()
/// try writer.beginTuple(count: 2)
/// try writer.write("ping")
/// try PickleEncoder().encode(request, into: &writer)
/// try writer.endContainer()
/// try writer.endStream()
/// send(writer.bytes)
/// ```
///
/// The writer checks that the pieces form one value, and throws ``PickleError`` with the code
/// ``PickleError/Code/unencodable`` if they do not. After an error the output cannot be used, except that
/// `writeStream` and ``PickleEncoder/encode(_:into:)`` undo what they did.
public struct PickleWriter: Sendable {
    /// What has been written.
    public internal(set) var bytes: [UInt8] = []

    /// How values are written.
    public let options: Options

    /// The containers around the innermost one.
    var frames: [Frame] = []

    /// The innermost container that is being written.
    var frame = Frame(kind: .outside)

    /// How many levels of containers are open.
    var depth = 0

    /// What has been stored for later use, if that is wanted.
    var memo = WriterMemo()

    /// Whether bytes will be inserted later, so that no byte may move.
    var hasSplices = false

    /// The number given to the last container.
    private var lastSerial = 0

    /// A writer without content.
    ///
    /// - Parameters:
    ///   - options: How values are written.
    ///   - capacity: How many bytes to make room for.
    public init(options: Options = Options(), capacity: Int = 0) {
        self.options = options
        bytes.reserveCapacity(capacity)
    }

    /// A writer of one value that follows bytes which are known, inside so many containers.
    init(options: Options, after head: [UInt8], capacity: Int, levels: Int) {
        self.options = options
        bytes = head
        bytes.reserveCapacity(capacity)
        frame = Frame(kind: .fragment)
        depth = levels
    }

    /// Starts a stream, which holds one value.
    public mutating func beginStream() throws(PickleError) {
        guard frame.kind == .outside else {
            throw Self.misuse("a stream is started within another one")
        }
        frames.reserveCapacity(8)
        bytes.append(PickleOpcode.proto.rawValue)
        bytes.append(options.bytesStyle == .python ? 2 : 4)
        open(Frame(kind: .stream))
    }

    /// Ends a stream.
    public mutating func endStream() throws(PickleError) {
        guard frame.kind == .stream, frame.written == 1 else {
            throw Self.misuse("a stream is ended that does not hold one value")
        }
        append(.stop)
        close()
    }

    /// Writes a stream whose value the closure writes. If that fails, nothing is written.
    ///
    /// The compiler does not infer the type of what a closure throws, so it has to say it:
    /// `writer.writeStream { (writer) throws(PickleError) in try writer.write(1) }`.
    public mutating func writeStream(
        _ body: (inout PickleWriter) throws(PickleError) -> Void
    ) throws(PickleError) {
        let start = checkpoint()
        do throws(PickleError) {
            try beginStream()
            try body(&self)
            try endStream()
        } catch {
            rollBack(to: start)
            throw error
        }
    }

    /// Writes a value as a stream of its own. If that fails, nothing is written.
    public mutating func writeStream(_ value: PickleValue) throws(PickleError) {
        try writeStream { (writer) throws(PickleError) in try writer.write(value) }
    }

    /// Enters a container.
    mutating func open(_ inner: Frame) {
        frames.append(frame)
        lastSerial += 1
        frame = inner
        frame.serial = lastSerial
    }

    /// Leaves a container.
    mutating func close() {
        frame = frames.removeLast()
    }

    mutating func append(_ opcode: PickleOpcode) {
        bytes.append(opcode.rawValue)
    }

    /// The error for pieces that do not form one value.
    static func misuse(_ message: String) -> PickleError {
        PickleError(.unencodable, message)
    }
}
