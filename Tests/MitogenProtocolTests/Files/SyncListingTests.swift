//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenPickle
import MitogenProtocol
import Testing

@Suite("Listings of folders")
struct SyncListingTests {
    private var entries: [SyncEntry] {
        var file = SyncEntry(name: [0xff, 0x41], kind: .regular)
        file.size = 1 << 40
        file.mode = 0o4755
        file.modified = FileTime(seconds: -1, nanoseconds: 999_999_999)
        file.owner = Array("me:us".utf8)
        var link = SyncEntry(name: Array("link".utf8), kind: .symbolicLink)
        link.target = Array("../x".utf8)
        return [SyncEntry(name: [], kind: .folder), SyncEntry(name: Array("dev".utf8), kind: .other), link, file]
    }

    @Test("What is written is read again, in the order of the names")
    func roundTrip() {
        #expect(SyncListing.decode(SyncListing.encode(entries.reversed())) == entries)
        #expect(SyncListing.decode([]) == [])
    }

    @Test("No cut and no changed byte leads anywhere")
    func damage() {
        let bytes = SyncListing.encode(entries)
        for count in bytes.indices {
            for entry in SyncListing.decode(Array(bytes[..<count])) ?? [] { #expect(entries.contains(entry)) }
            for value in [0, 0x7f, 0x80, 0xff] as [UInt8] {
                var damaged = bytes
                damaged[count] = value
                _ = SyncListing.decode(damaged)
            }
        }
    }

    @Test("Names that lead elsewhere are no names", arguments: ["..", ".", "a/b", "a\0"])
    func names(name: String) {
        #expect(SyncListing.decode(SyncListing.encode([SyncEntry(name: Array(name.utf8), kind: .other)])) == nil)
    }

    @Test("Steps and answers are the same after they have travelled")
    func messages() throws {
        let path = Array("a/b".utf8)
        let steps: [SyncStep] = [
            .list(path: path, names: nil, digest: [1]), .list(path: [], names: [path, []], digest: []),
            .sign(path: path),
            .hash(path: path), .patch([1, 2]), .remove(path: path, isFolder: true), .flush, .item(.data([3])),
            .item(.hole(4)), .item(.finished), .item(.end(digest: [5])),
        ]
        for step in steps { #expect(try SyncStep(pickleValue: step.pickleValue) == step) }
        let events: [SyncEvent] = [
            .ready(handle: 1000), .listing([1], isLast: true), .same, .missing, .unsigned, .hash(nil), .hash([1]),
            .signature(fileSize: 5, [1], isLast: false), .failed(entry: -1, FileFailure(.diskFull, path, "full")),
            .flushed,
            .done(TransferCounts()), .gaveUp(FileFailure(.isFolder, path, "is one")),
        ]
        for event in events { #expect(try SyncEvent(pickleValue: event.pickleValue) == event) }
        for number in [-1, 17, 99] {
            #expect(throws: PickleError.self) { try SyncStep(pickleValue: .tuple([.int(number)])) }
        }
    }
}
