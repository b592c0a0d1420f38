//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Writes `Codable` values as pickles.
///
/// A type with properties becomes a `dict` by property name, an unkeyed container a `list`, `nil` becomes `None`,
/// `[UInt8]` becomes bytes; integers of every width are kept. The keys of a `[Int: T]` are
/// Python integers. ``PickleValue`` and ``PickleValueConvertible`` types are written as they are.
///
/// Values are written straight to bytes. Only what comes out of `superEncoder()`, and nested containers that are filled
/// in turn with the container around them, takes a buffer of its own; in the latter case the value is encoded twice.
public struct PickleEncoder: Sendable {
    /// How values are written.
    public var options: PickleWriter.Options

    /// Information for the `encode(to:)` of the values.
    public var userInfo: [CodingUserInfoKey: any Sendable]

    /// An encoder.
    ///
    /// - Parameters:
    ///   - options: How values are written.
    ///   - userInfo: Information for the `encode(to:)` of the values.
    public init(
        options: PickleWriter.Options = PickleWriter.Options(),
        userInfo: [CodingUserInfoKey: any Sendable] = [:]
    ) {
        self.options = options
        self.userInfo = userInfo
    }

    /// Whether an `encode(to:)` is called by this encoder, and not by one for another format.
    package static func isMaking(_ encoder: any Encoder) -> Bool { encoder is StreamEncoder }

    /// Encodes a value as a message of one stream.
    ///
    /// - Throws: ``PickleError`` with the coding path of what cannot be encoded.
    public func encode<T: Encodable>(_ value: T) throws(PickleError) -> [UInt8] {
        var writer = PickleWriter(options: options, capacity: 128)
        try writer.beginStream()
        try encode(value, into: &writer)
        try writer.endStream()
        return writer.bytes
    }

    /// Encodes a value as the next value of what is being written. The options of the writer apply. If that fails,
    /// nothing is written.
    ///
    /// - Throws: ``PickleError`` with the coding path of what cannot be encoded.
    public func encode<T: Encodable>(_ value: T, into writer: inout PickleWriter) throws(PickleError) {
        let start = writer.checkpoint()
        var mode = StreamEncoder.Mode.streaming
        while true {
            let encoder = StreamEncoder(mode: mode, userInfo: userInfo)
            swap(&encoder.writer, &writer)
            let result = Result { try encoder.encodeRoot(value) }
            swap(&encoder.writer, &writer)
            writer.hasSplices = false
            guard case .failure(let error) = result else {
                return
            }
            writer.rollBack(to: start)
            guard encoder.isInterleaved, mode == .streaming else {
                throw PickleError.wrapping(error, otherwise: .unencodable, in: encoder.failurePath ?? [])
            }
            mode = .buffering
        }
    }

    /// Encodes a value between bytes that are known: the head and the tail of a larger value.
    ///
    /// - Parameter levels: How many containers of the larger value are around it.
    package func encode<T: Encodable>(
        _ value: T,
        between head: [UInt8],
        and tail: [UInt8],
        levels: Int
    ) throws(PickleError) -> [UInt8] {
        var writer = PickleWriter(options: options, after: head, capacity: head.count + tail.count + 64, levels: levels)
        try encode(value, into: &writer)
        writer.bytes.append(contentsOf: tail)
        return writer.bytes
    }
}
