//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What the front of an executable file says about it: whether it runs by itself, and its identity.
package struct ELFImage: Sendable, Hashable {
    /// Whether it needs a dynamic loader, and so cannot run where its libraries are missing.
    package let isDynamic: Bool
    /// The kind of processor that it is for, by ELF's numbers.
    package let machine: Int
    /// The GNU build id, if it has one.
    package let buildID: [UInt8]?

    /// Reads the headers of a 64-bit little-endian file, from its first bytes. Nil for anything else.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count >= 64, bytes.starts(with: [0x7F, 0x45, 0x4C, 0x46, 2, 1]) else { return nil }
        let reader = Reader(bytes: bytes)
        guard let table = reader.integer(at: 32, size: 8), let count = reader.integer(at: 56, size: 2) else {
            return nil
        }
        guard reader.integer(at: 54, size: 2) == 56 else { return nil }
        var isDynamic = false
        var buildID: [UInt8]?
        for index in 0..<count {
            let (start, overflow) = table.addingReportingOverflow(index * 56)
            guard !overflow, let type = reader.integer(at: start, size: 4) else { break }
            if type == Self.interpreterSegment { isDynamic = true }
            guard type == Self.noteSegment, buildID == nil else { continue }
            guard let offset = reader.integer(at: start + 8, size: 8),
                let size = reader.integer(at: start + 32, size: 8),
                let alignment = reader.integer(at: start + 48, size: 8)
            else { continue }
            buildID = reader.buildID(at: offset, size: size, alignment: alignment == 8 ? 8 : 4)
        }
        self.isDynamic = isDynamic
        machine = reader.integer(at: 18, size: 2) ?? 0
        self.buildID = buildID
    }

    private static let interpreterSegment = 3
    private static let noteSegment = 4

    private struct Reader {
        let bytes: [UInt8]

        /// A little-endian number; nil if it is not within the bytes, or too large.
        func integer(at offset: Int, size: Int) -> Int? {
            guard offset >= 0, offset <= bytes.count - size else { return nil }
            var value: UInt64 = 0
            for byte in bytes[offset..<offset + size].reversed() { value = value << 8 | UInt64(byte) }
            return Int(exactly: value)
        }

        func buildID(at start: Int, size: Int, alignment: Int) -> [UInt8]? {
            func padded(_ count: Int) -> Int { (count + alignment - 1) / alignment * alignment }
            guard start <= bytes.count, size <= bytes.count - start else { return nil }
            var offset = start
            while offset + 12 <= start + size {
                guard let nameSize = integer(at: offset, size: 4), let size = integer(at: offset + 4, size: 4),
                    let type = integer(at: offset + 8, size: 4)
                else { return nil }
                let content = start + padded(offset - start + 12 + nameSize)
                guard content <= bytes.count, size <= bytes.count - content else { return nil }
                if type == 3, nameSize == 4, Array(bytes[offset + 12..<offset + 16]) == Array("GNU\0".utf8) {
                    return Array(bytes[content..<content + size])
                }
                offset = start + padded(content - start + size)
            }
            return nil
        }
    }
}
