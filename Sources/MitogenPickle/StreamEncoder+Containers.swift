//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension StreamEncoder {
    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(KeyedContainer<Key>(encoder: self, frame: openContainer(isKeyed: true)))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        UnkeyedContainer(encoder: self, frame: openContainer(isKeyed: false))
    }

    func singleValueContainer() -> any SingleValueEncodingContainer {
        self
    }

    /// The container of the value. It can be asked for several times, by a class and its superclass for instance.
    ///
    /// - Returns: The serial number of its frame.
    func openContainer(isKeyed: Bool) -> Int {
        switch (scope.content, isKeyed) {
        case (.keyed(let frame), true), (.unkeyed(let frame), false): return frame
        case (.nothing, _): break
        default:
            failure = failure ?? misuse("a value encodes itself in two different ways")
            return -1
        }
        let frame = beginContainer(isKeyed: isKeyed)
        scope.content = isKeyed ? .keyed(frame) : .unkeyed(frame)
        return frame
    }

    /// Opens a container within the one that is being written.
    func beginContainer(isKeyed: Bool) -> Int {
        do throws(PickleError) {
            if isKeyed {
                try writer.beginDictionary()
            } else {
                try writer.beginList()
            }
            return writer.frame.serial
        } catch {
            failure = failure ?? error.located(in: codingPath)
            return -1
        }
    }

    /// Makes a container the one that is being written, by closing those that were opened within it.
    func select(_ frame: Int) throws {
        if writer.frame.serial == frame && frame > 0 {
            return
        }
        try checkFailure()
        guard writer.frames.count > scope.frames,
            writer.frames[scope.frames...].dropFirst().contains(where: { $0.serial == frame })
        else {
            isInterleaved = true
            failure = misuse("a container is used after the one around it went on")
            throw misuse("a container is used after the one around it went on")
        }
        while writer.frame.serial != frame {
            try writer.endContainer()
        }
    }

    /// An encoder for a value that may be encoded later.
    func splicedEncoder(key: any CodingKey) throws -> StreamEncoder {
        let encoder = StreamEncoder(within: self, key: key)
        try writer.willWrite()
        splices.append(Splice(offset: writer.bytes.count, encoder: encoder))
        writer.hasSplices = true
        writer.didWrite()
        return encoder
    }

    /// An encoder that goes nowhere, for functions that cannot throw.
    func failedEncoder(_ error: any Error, key: any CodingKey) -> StreamEncoder {
        failure = failure ?? error
        return StreamEncoder(within: self, key: key)
    }
}

extension StreamEncoder: SingleValueEncodingContainer {
    func encodeNil() throws {
        try claim()
        try located { (writer) throws(PickleError) in try writer.writeNone() }
    }

    func encode(_ value: Bool) throws {
        try claim()
        try located { (writer) throws(PickleError) in try writer.write(value) }
    }

    func encode(_ value: String) throws {
        try claim()
        try located { (writer) throws(PickleError) in try writer.write(value) }
    }

    func encode(_ value: Double) throws {
        try claim()
        try located { (writer) throws(PickleError) in try writer.write(value) }
    }

    func encode(_ value: Float) throws {
        try encode(Double(value))
    }

    func encode<T: FixedWidthInteger & Encodable>(_ value: T) throws {
        try claim()
        try located { (writer) throws(PickleError) in try writer.write(integer: value) }
    }

    // The wide integers have default implementations, which would be preferred to the generic function.
    func encode(_ value: Int128) throws {
        try claim()
        try located { (writer) throws(PickleError) in try writer.write(integer: value) }
    }

    func encode(_ value: UInt128) throws {
        try claim()
        try located { (writer) throws(PickleError) in try writer.write(integer: value) }
    }

    func encode<T: Encodable>(_ value: T) throws {
        try claim()
        try encodeValue(value)
    }

    func encode(pickleValue: PickleValue) throws {
        try claim()
        try located { (writer) throws(PickleError) in try writer.write(pickleValue) }
    }

    /// A single value can be encoded once, and not next to a container.
    private func claim() throws {
        guard case .nothing = scope.content else {
            throw misuse("a value encodes itself in two different ways")
        }
        scope.content = .value
    }
}
