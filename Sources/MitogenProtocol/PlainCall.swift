//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import MitogenPickle

/// The data of a typed call that belongs to no chain and has no options.
///
/// All of it but the function's properties are the same bytes for each call of the function. So they are made once, and who
/// gets the call need only look whether they are there. What is not of this form is read by ``CallRequest``.
package enum PlainCall {
    /// What comes before the properties.
    package static func head(named name: String, options: PickleWriter.Options) throws(PickleError) -> [UInt8] {
        var writer = PickleWriter(options: options)
        try CallRequest.writeHead(named: name, chainID: nil, count: 6, to: &writer)
        return writer.bytes
    }

    /// What comes after the properties.
    package static let tail: [UInt8] = {
        let options = PickleWriter.Options()
        let head = try? Self.head(named: "", options: options)
        let whole = try? CallRequest.encode(PickleValue.none, named: "", options: options)
        guard let head, let whole else { return [] }
        return Array(whole[(head.count + 1)...])
    }()

    /// The data of a call.
    ///
    /// - Parameter head: What ``head(named:options:)`` has returned for the function, with the same options.
    package static func encode(
        _ function: some Encodable,
        head: [UInt8],
        options: PickleWriter.Options
    ) throws(PickleError) -> [UInt8] {
        try PickleEncoder(options: options).encode(function, between: head, and: tail, levels: levels)
    }

    /// Where the function's name and its properties are in the data of a call; nil if it has another form.
    @_optimize(speed)
    package static func parts(of data: [UInt8]) -> (name: Range<Int>, properties: Range<Int>)? {
        data.withUnsafeBytes { bytes -> (Range<Int>, Range<Int>)? in
            let tail = Self.tail
            guard bytes.count > nameStart + tail.count, bytes[0] == 0x80, bytes[1] == 2 || bytes[1] == 4,
                (0..<beginning.count).allSatisfy({ bytes[2 + $0] == beginning[$0] })
            else { return nil }
            let count = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: nameStart - 4, as: UInt32.self)))
            let end = bytes.count - tail.count
            guard count < end - nameStart, (0..<tail.count).allSatisfy({ bytes[end + $0] == tail[$0] }) else {
                return nil
            }
            return (nameStart..<nameStart + count, nameStart + count..<end)
        }
    }

    /// The tuple of the call and that of its arguments are around the properties.
    private static let levels = 2

    /// From the second byte after the protocol's version to the length of the name: MARK, NONE, the module, NONE.
    private static let beginning: [UInt8] = Array("(NX\u{5}\0\0\0swiftNX".utf8)
    private static let nameStart = 2 + 14 + 4

    /// What the function is decoded from; nil if the bytes are not one value.
    package static func properties(in data: [UInt8], at range: Range<Int>) -> PickleValue? {
        var limits = PickleLimits.fitting(data)
        limits.depth -= levels
        return PickleReader.decodePart(data[range], limits: limits)
    }
}
