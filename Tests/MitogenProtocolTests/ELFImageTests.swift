//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import MitogenProtocol
import Testing

@Suite
struct ELFImageTests {
    private struct Segment {
        var type: UInt32
        var content: [UInt8] = []
        var alignment: UInt64 = 4
    }

    private func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }

    private func padded(_ bytes: [UInt8], to alignment: Int) -> [UInt8] {
        bytes + [UInt8](repeating: 0, count: (alignment - bytes.count % alignment) % alignment)
    }

    private func note(_ name: String, _ type: UInt32, _ content: [UInt8], alignment: Int = 4) -> [UInt8] {
        let head = bytes(UInt32(name.utf8.count)) + bytes(UInt32(content.count)) + bytes(type) + Array(name.utf8)
        return padded(padded(head, to: alignment) + content, to: alignment)
    }

    private func image(_ segments: [Segment]) -> [UInt8] {
        var header: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 9)
        header += bytes(UInt16(2)) + bytes(UInt16(62)) + bytes(UInt32(1))
        header += bytes(UInt64(0x1000)) + bytes(UInt64(64)) + bytes(UInt64(0)) + bytes(UInt32(0))
        header +=
            bytes(UInt16(64)) + bytes(UInt16(56)) + bytes(UInt16(segments.count)) + [UInt8](repeating: 0, count: 6)
        var table: [UInt8] = []
        var contents: [UInt8] = []
        for segment in segments {
            let offset = UInt64(64 + 56 * segments.count + contents.count)
            let size = UInt64(segment.content.count)
            table += bytes(segment.type) + bytes(UInt32(4)) + bytes(offset) + bytes(offset) + bytes(offset)
            table += bytes(size) + bytes(size) + bytes(segment.alignment)
            contents += padded(segment.content, to: 8)
        }
        return header + table + contents
    }

    private let buildID: [UInt8] = Array(1...20)

    @Test("A static image with a build id")
    func staticImage() throws {
        let notes = note("GNU\0", 1, [0, 0, 0, 0]) + note("Go\0", 3, [9, 9]) + note("GNU\0", 3, buildID)
        let image = try #require(ELFImage(image([Segment(type: 1), Segment(type: 4, content: notes)])))
        #expect(!image.isDynamic)
        #expect(image.buildID == buildID)
    }

    @Test("An image that names a loader is dynamic")
    func dynamicImage() throws {
        let image = try #require(ELFImage(image([Segment(type: 3, content: Array("/lib/ld.so\0".utf8))])))
        #expect(image.isDynamic)
        #expect(image.buildID == nil)
    }

    @Test("Notes that are aligned to 8 bytes are read as linkers write them")
    func alignedNotes() throws {
        let notes = note("GNU\0", 5, Array(1...12), alignment: 8) + note("GNU\0", 3, buildID, alignment: 8)
        let first = try #require(ELFImage(image([Segment(type: 4, content: notes, alignment: 8)])))
        #expect(first.buildID == buildID)
        let others = note("GNU\0", 5, Array(1...16), alignment: 8)
        let second = try #require(
            ELFImage(
                image([
                    Segment(type: 4, content: others, alignment: 8),
                    Segment(type: 4, content: note("GNU\0", 3, buildID)),
                ])
            )
        )
        #expect(second.buildID == buildID)
    }

    @Test("An image cut off anywhere does no harm")
    func truncated() throws {
        let notes = note("GNU\0", 3, buildID)
        let whole = image([Segment(type: 3, content: [0x61, 0]), Segment(type: 4, content: notes)])
        for count in 0...whole.count {
            let image = ELFImage(Array(whole[..<count]))
            #expect((image == nil) == (count < 64))
            if count >= 64 + 56 { #expect(image?.isDynamic == true) }
            if count == whole.count { #expect(image?.buildID == buildID) }
        }
    }

    @Test("Other files are no images")
    func others() {
        let whole = image([Segment(type: 1)])
        #expect(ELFImage([]) == nil)
        #expect(ELFImage(Array("#!/bin/sh\n".utf8) + [UInt8](repeating: 0, count: 100)) == nil)
        for (offset, value) in [(0, 0), (4, 1), (5, 2), (54, 32)] as [(Int, UInt8)] {
            var other = whole
            other[offset] = value
            #expect(ELFImage(other) == nil)
        }
    }

    @Test("Sizes and offsets without sense do no harm", arguments: [0x7F, 0x80, 0xFF] as [UInt8])
    func nonsense(value: UInt8) {
        let whole = image([Segment(type: 4, content: note("GNU\0", 3, buildID)), Segment(type: 3)])
        for offset in 6..<whole.count {
            for length in [1, 2, 4, 8] {
                var broken = whole
                for index in offset..<min(offset + length, whole.count) { broken[index] = value }
                _ = ELFImage(broken)
            }
        }
    }

    @Test("Random bytes behind the magic do no harm", arguments: 0..<20)
    func garbage(seed: UInt64) {
        var random = RandomSource(seed: seed)
        let whole = image([Segment(type: 4, content: note("GNU\0", 3, buildID)), Segment(type: 3)])
        for _ in 0..<2000 {
            var broken = whole
            for _ in 0...random.below(20) { broken[6 + random.below(broken.count - 6)] = UInt8(random.below(256)) }
            _ = ELFImage(broken)
        }
    }

    @Test("The program of this test is dynamic and has the build id that its linker gave it")
    func ownImage() throws {
        let file = try #require(FileHandle(forReadingAtPath: "/proc/self/exe"))
        let front = try #require(try file.read(upToCount: 1 << 20))
        let image = try #require(ELFImage(Array(front)))
        #expect(image.isDynamic)
        if let buildID = image.buildID { #expect((8...32).contains(buildID.count)) }
    }

    @Test("The machine is read, and has the names that uname gives it")
    func machine() throws {
        #expect(try #require(ELFImage(image([Segment(type: 1)]))).machine == 62)
        for (name, number) in [("x86_64", 62), ("aarch64", 183), ("arm64", 183), ("riscv64", 243), ("ppc64le", 21)] {
            #expect(TargetPlatform(system: "Linux", machine: name).elfMachine == number)
        }
        // What is not known is not checked.
        for name in ["s390x", "armv7l", "x86_64-v2", ""] {
            #expect(TargetPlatform(system: "Linux", machine: name).elfMachine == nil)
        }
        #expect(TargetPlatform.machineName(elf: 183) == "aarch64")
        #expect(TargetPlatform.machineName(elf: 8) == "machine 8")
    }
}
