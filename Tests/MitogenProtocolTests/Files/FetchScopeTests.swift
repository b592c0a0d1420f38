//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol
import Testing

@Suite("What a fetch lets be written")
struct FetchScopeTests {
    private func allows(_ roots: [String], recursive: Bool, _ path: String, _ kind: FileEntry.Kind = .regular) -> Bool {
        let time = FileTime(seconds: 1, nanoseconds: 0)
        let metadata = FileMetadata(mode: 0o644, userID: 0, groupID: 0, modified: time, accessed: time)
        let entry = FileEntry(path: Array(path.utf8), kind: kind, size: 1, metadata: metadata)
        return FetchScope(roots: roots.map { Array($0.utf8) }, isRecursive: recursive).allows(entry)
    }

    @Test(
        "Only what was asked for",
        arguments: [
            ("/srv/dump.sql", false, "dump.sql", true), ("/srv/dump.sql", false, ".bashrc", false),
            ("/srv/dump.sql", false, "dump.sql/x", false), ("/srv/dump.sql", true, ".ssh/authorized_keys", false),
            ("~/tree", true, "tree/a/b", true), ("tree", true, "tree", true), ("tree", true, "", false),
            ("tree/", true, "any/name", true), (".", true, "any", true), ("tree/", true, "../x", false),
        ]
    )
    func paths(root: String, recursive: Bool, path: String, isAllowed: Bool) {
        #expect(allows([root], recursive: recursive, path) == isAllowed)
    }

    @Test("Without -r there are files only", arguments: [FileEntry.Kind.folder, .symbolicLink, .hardLink])
    func kinds(kind: FileEntry.Kind) {
        #expect(!allows(["a"], recursive: false, "a", kind))
        #expect(allows(["a", "b"], recursive: true, "b", kind))
    }
}
