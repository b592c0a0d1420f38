//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol
internal import Testing

@Suite("Paths of files")
struct FilePathTests {
    private func text(_ parts: [[UInt8]]?) -> [String]? { parts?.map { String(decoding: $0, as: UTF8.self) } }

    @Test(
        "Relative paths that stay in their tree are taken apart, others are refused",
        arguments: [
            ("", []), ("a", ["a"]), ("a/b.c/..d", ["a", "b.c", "..d"]), ("/a", nil), ("a/", nil), ("a//b", nil),
            (".", nil),
            ("a/./b", nil), ("..", nil), ("a/../b", nil), ("a\0", nil),
        ] as [(String, [String]?)]
    )
    func components(path: String, expected: [String]?) {
        #expect(text(FilePath.components(ofRelative: Array(path.utf8))) == expected)
    }

    @Test(
        "Absolute paths are made normal by their text",
        arguments: [
            ("/", "/"), ("/a/b", "/a/b"), ("//a/./b/", "/a/b"), ("/a/../b", "/b"), ("/../..", "/"), ("a", nil),
            ("", nil),
            ("/a\0", nil),
        ] as [(String, String?)]
    )
    func normalized(path: String, expected: String?) {
        #expect(FilePath.normalized(absolute: Array(path.utf8)).map { String(decoding: $0, as: UTF8.self) } == expected)
    }

    @Test(
        "A path has a folder and a name",
        arguments: [
            ("a", ".", "a"), ("/a", "/", "a"), ("b/a/", "b", "a"), ("/b//a", "/b", "a"), (".", ".", ""),
            ("a/..", "a/..", ""),
            ("/", "/", ""), ("", ".", ""),
        ]
    )
    func split(path: String, folder: String, name: String) {
        let parts = FilePath.split(Array(path.utf8))
        #expect(text([parts.folder, parts.name]) == [folder, name])
    }

    @Test("Bytes that are not UTF-8 are shown")
    func visible() {
        #expect(FilePath.visible(Array("käse".utf8)) == "käse")
        #expect(FilePath.visible([0x61, 0xe9]) == "a\\xe9")
    }

    @Test(
        "Where things go is decided as by cp",
        arguments: [
            (FileDestination.State.folder, false, "tree/a", "to/tree/a"), (.folder, true, "a", "to/a"),
            (.missing, false, "tree/a", "./to/a"), (.missing, false, "a", "./to"),
            (.missing, true, "tree/a", "to/tree/a"),
            (.other, false, "a", "./to"), (.other, true, "a", nil),
        ] as [(FileDestination.State, Bool, String, String?)]
    )
    func destinations(state: FileDestination.State, isFolder: Bool, path: String, expected: String?) {
        let destination = FileDestination(path: Array("to".utf8), state: state, isFolder: isFolder)
        let parts = destination.flatMap { destination in
            destination.components(of: Array(path.utf8)).map { [destination.folder] + $0 }
        }
        #expect(parts.map { String(decoding: Array($0.joined(separator: "/".utf8)), as: UTF8.self) } == expected)
    }
}
