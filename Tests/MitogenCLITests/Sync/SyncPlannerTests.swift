//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol
import Testing

@testable import MitogenCLI

@Suite("What a synchronisation decides")
struct SyncPlannerTests {
    private func file(_ path: String, size: Int = 1, time: Int = 100, nanoseconds: Int32 = 5, mode: UInt32 = 0o644)
        -> FileEntry
    {
        entry(path, .regular, size: size, time: time, nanoseconds: nanoseconds, mode: mode)
    }

    private func entry(
        _ path: String,
        _ kind: FileEntry.Kind,
        size: Int = 0,
        time: Int = 100,
        nanoseconds: Int32 = 5,
        mode: UInt32 = 0o755
    ) -> FileEntry {
        let stamp = FileTime(seconds: time, nanoseconds: nanoseconds)
        let metadata = FileMetadata(mode: mode, userID: 1, groupID: 1, modified: stamp, accessed: stamp)
        return FileEntry(path: Array(path.utf8), kind: kind, size: size, metadata: metadata)
    }

    private static func listed(_ entry: FileEntry, _ name: [UInt8]) -> SyncEntry {
        let kind: SyncEntry.Kind =
            switch entry.kind {
            case .regular, .hardLink: .regular
            case .folder: .folder
            case .symbolicLink: .symbolicLink
            }
        var result = SyncEntry(name: name, kind: kind)
        result.size = entry.size
        result.modified = entry.metadata.modified
        result.mode = entry.metadata.mode
        result.target = entry.target
        return result
    }

    private func planner(deletes: Bool = false, comparesContent: Bool = false, excluding: String? = nil) -> SyncPlanner
    {
        SyncPlanner(
            comparesContent: comparesContent,
            deletes: deletes,
            isExcluded: { path, _ in excluding.map { Array($0.utf8) == path } ?? false },
            listed: Self.listed
        )
    }

    private func folder(_ entries: [FileEntry], path: String = "f", isWhole: Bool = true) -> SyncSource.Folder {
        SyncSource.Folder(path: Array(path.utf8), entry: isWhole ? entry(path, .folder) : nil, entries: entries)
    }

    private func found(_ entries: [FileEntry]) -> [SyncEntry] { entries.map { Self.listed($0, $0.name) } }

    /// The changes, without that of the folder itself.
    private func changes(_ plan: SyncPlanner.Plan) -> [String] {
        plan.changes.compactMap { change in
            change.itemized.map { "\($0) \(String(decoding: change.entry.path, as: UTF8.self))" }
        }
    }

    @Test("What is the same is left alone, and so is its folder")
    func same() {
        let files = [file("f/a"), entry("f/b", .folder), entry("f/c", .symbolicLink)]
        #expect(planner(deletes: true).plan(folder(files), found: found(files)).changes.isEmpty)
    }

    @Test("Each difference has its letter, and the folder gets its time back")
    func differences() {
        let plan = planner().plan(
            folder([
                file("f/content", size: 2), file("f/time", time: 7), file("f/mode", mode: 0o600), file("f/new"),
                entry("f/sub", .folder, mode: 0o700),
            ]),
            found: found([file("f/content"), file("f/time"), file("f/mode"), entry("f/sub", .folder)])
        )
        #expect(plan.changes.first?.action == .enter)
        #expect(
            changes(plan) == [
                "<f.s....... f/content", "<f..t...... f/time", ".f...p..... f/mode", "<f+++++++++ f/new",
                ".d...p..... f/sub",
            ]
        )
    }

    @Test("A file system without fractions of seconds makes no difference")
    func wholeSeconds() {
        let plan = planner().plan(folder([file("f/a")]), found: found([file("f/a", nanoseconds: 0)]))
        #expect(plan.changes.isEmpty)
    }

    @Test("With contents to compare, files of one size are compared and others sent")
    func contents() {
        let files = [file("f/same"), file("f/larger", size: 2)]
        let plan = planner(comparesContent: true).plan(folder(files), found: found([file("f/same"), file("f/larger")]))
        #expect(plan.changes.contains { $0.action == .compare(oldSize: 1, metadata: false) })
        #expect(plan.changes.contains { $0.action == .file(oldSize: 1) })
    }

    @Test(
        "What the source does not have is only removed where a folder is synchronised as a whole, and not if excluded"
    )
    func deletion() {
        let there = found([file("f/a"), file("f/kept"), entry("f/old", .folder)])
        let deleting = planner(deletes: true, excluding: "f/kept")
        let plan = deleting.plan(folder([file("f/a")]), found: there)
        #expect(changes(plan) == ["*deleting   f/old"])
        #expect(plan.doomedFolders == [Array("f/old".utf8)] && plan.keepsFolder)
        #expect(deleting.plan(folder([file("f/a")], isWhole: false), found: there).changes.isEmpty)
        #expect(planner().plan(folder([file("f/a")]), found: there).changes.isEmpty)
        let inside = deleting.planRemoval(of: Array("f/old".utf8), found: found([file("f/old/x")]))
        #expect(changes(inside) == ["*deleting   f/old/x"] && !inside.keepsFolder)
    }

    @Test("A folder in the way of a file is a conflict, unless things are removed; other things make room")
    func conflicts() {
        let there = found([entry("f/a", .folder), file("f/b"), entry("f/c", .symbolicLink)])
        let files = [file("f/a"), entry("f/b", .folder), entry("f/c", .folder)]
        let kept = planner().plan(folder(files), found: there)
        #expect(kept.changes.contains { if case .conflict = $0.action { true } else { false } })
        #expect(changes(kept) == ["cd+++++++++ f/b", "cd+++++++++ f/c"])
        #expect(kept.changes.suffix(2).map(\.replaces) == [.regular, .symbolicLink])
        let removed = planner(deletes: true).plan(folder(files), found: there)
        #expect(changes(removed).first == "<f+++++++++ f/a")
        #expect(removed.doomedFolders == [Array("f/a".utf8)])
    }
}
