//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol
import Testing

@Suite("Archives")
struct TarArchiveTests {
    private func field(_ header: [UInt8], _ place: Int, _ length: Int) -> String {
        String(decoding: header[place..<(place + length)].prefix { $0 != 0 }, as: UTF8.self)
    }

    @Test("The header is that of POSIX, with its sum", arguments: [(0, "00000000000"), (21_530_008, "00122102630")])
    func header(size: Int, octal: String) {
        let header = TarArchive.header(name: ".mitogen-abc", size: size)
        #expect(header.count == 512)
        #expect(field(header, 0, 100) == ".mitogen-abc")
        #expect(field(header, 100, 8) == "0000555")
        #expect(field(header, 124, 12) == octal)
        #expect(header[156] == UInt8(ascii: "0"))
        #expect(field(header, 257, 6) == "ustar")
        #expect(header[263..<265].elementsEqual("00".utf8))
        let sum = header.enumerated().reduce(0) { $0 + (148..<156 ~= $1.offset ? 32 : Int($1.element)) }
        #expect(Int(field(header, 148, 6), radix: 8) == sum)
    }

    @Test("The content is filled up to whole blocks", arguments: [(0, 1024), (1, 1535), (511, 1025), (512, 1024)])
    func trailer(size: Int, count: Int) {
        let trailer = TarArchive.trailer(size: size)
        #expect(trailer.count == count)
        #expect((size + trailer.count) % 512 == 0)
        #expect(trailer.allSatisfy { $0 == 0 })
    }
}
