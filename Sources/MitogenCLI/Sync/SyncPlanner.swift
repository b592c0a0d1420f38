//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

/// Decides what is to be done in a folder of a target, by what is in it and what is to be.
struct SyncPlanner {
    /// What there is to do in one folder.
    struct Plan: Sendable {
        var changes: [SyncChange] = []
        /// Folders whose content is to be looked at, because they are to be removed.
        var doomedFolders: [[UInt8]] = []
        /// Whether something is in it that is not removed, so that it cannot be either.
        var keepsFolder = false
    }

    var comparesContent = false
    var deletes = false
    /// What takes no part, and is not removed either.
    var isExcluded: (_ path: [UInt8], _ isFolder: Bool) -> Bool = { _, _ in false }
    /// The part of an entry that is compared.
    var listed: (FileEntry, _ name: [UInt8]) -> SyncEntry

    /// - Parameters:
    ///   - folder: The folder of the source.
    ///   - found: What is in it in the target; nil if it is not there.
    func plan(_ folder: SyncSource.Folder, found: [SyncEntry]?) -> Plan {
        var plan = Plan()
        var there: [[UInt8]: SyncEntry] = [:]
        for entry in found ?? [] { there[entry.name] = entry }
        for entry in folder.entries {
            let old = there.removeValue(forKey: entry.name)
            guard let change = change(of: entry, old, &plan) else { continue }
            plan.changes.append(change)
        }
        let itself = there.removeValue(forKey: [])
        if deletes, folder.isWhole { doom(Array(there.values), in: folder.path, &plan) }
        if let entry = folder.entry, !plan.changes.isEmpty || isDifferentRoot(entry, itself, found) {
            // Its own line comes from the folder above; the root has none there.
            plan.changes.insert(rootChange(entry, itself, found), at: 0)
        }
        return plan
    }

    /// What is to be removed with a folder that is to be.
    func planRemoval(of folder: [UInt8], found: [SyncEntry]) -> Plan {
        var plan = Plan()
        doom(found.filter { !$0.name.isEmpty }, in: folder, &plan)
        return plan
    }

    // MARK: One entry

    private func change(of entry: FileEntry, _ old: SyncEntry?, _ plan: inout Plan) -> SyncChange? {
        let new = listed(entry, entry.name)
        guard let old else { return creation(of: entry) }
        guard old.kind == new.kind else { return replacement(of: old, by: entry, &plan) }
        var differences: SyncChange.Differences = []
        if new.mode != old.mode, new.kind != .symbolicLink { differences.insert(.mode) }
        if new.owner != old.owner { differences.insert(.owner) }
        switch new.kind {
        case .regular: return fileChange(entry, new, old, differences)
        case .folder:
            if Self.differs(new.modified, old.modified) { differences.insert(.time) }
            return differences.isEmpty ? nil : SyncChange(action: .folder, entry: entry, differences: differences)
        case .symbolicLink:
            if new.target != old.target { differences.insert(.content) }
            return differences.isEmpty ? nil : SyncChange(action: .symbolicLink, entry: entry, differences: differences)
        case .other: return nil
        }
    }

    private func fileChange(
        _ entry: FileEntry,
        _ new: SyncEntry,
        _ old: SyncEntry,
        _ metadata: SyncChange.Differences
    ) -> SyncChange? {
        var differences = metadata
        if new.size != old.size { differences.insert(.size) }
        if Self.differs(new.modified, old.modified) { differences.insert(.time) }
        if comparesContent, new.size == old.size {
            let action = SyncChange.Action.compare(oldSize: old.size, metadata: !differences.isEmpty)
            return SyncChange(action: action, entry: entry, differences: differences)
        }
        if !differences.isDisjoint(with: [.size, .time]) {
            return SyncChange(action: .file(oldSize: old.size), entry: entry, differences: differences)
        }
        return differences.isEmpty ? nil : SyncChange(action: .metadata, entry: entry, differences: differences)
    }

    private func creation(of entry: FileEntry) -> SyncChange {
        let action: SyncChange.Action =
            switch entry.kind {
            case .regular, .hardLink: .file(oldSize: nil)
            case .folder: .folder
            case .symbolicLink: .symbolicLink
            }
        return SyncChange(action: action, entry: entry, differences: .new)
    }

    /// Something of another kind is in the place.
    private func replacement(of old: SyncEntry, by entry: FileEntry, _ plan: inout Plan) -> SyncChange {
        var change = creation(of: entry)
        change.replaces = old.kind
        guard old.kind == .folder else { return change }
        guard deletes else {
            change.action = .conflict("is a folder there and none here; --delete replaces it")
            return change
        }
        plan.doomedFolders.append(entry.path)
        return change
    }

    private func doom(_ entries: [SyncEntry], in folder: [UInt8], _ plan: inout Plan) {
        for old in entries.sorted(by: { $0.name.lexicographicallyPrecedes($1.name) }) {
            let path = FilePath.join(folder, old.name)
            guard !isExcluded(path, old.kind == .folder) else {
                plan.keepsFolder = true
                continue
            }
            if old.kind == .folder { plan.doomedFolders.append(path) }
            let time = FileTime(seconds: 0, nanoseconds: 0)
            let metadata = FileMetadata(mode: 0, userID: 0, groupID: 0, modified: time, accessed: time)
            let entry = FileEntry(
                path: path,
                kind: old.kind == .folder ? .folder : .regular,
                size: 0,
                metadata: metadata
            )
            plan.changes.append(SyncChange(action: .delete, entry: entry))
        }
    }

    // MARK: The folder itself

    private func isDifferentRoot(_ entry: FileEntry, _ old: SyncEntry?, _ found: [SyncEntry]?) -> Bool {
        guard entry.path.isEmpty else { return false }
        guard let old else { return found == nil }
        let new = listed(entry, [])
        return new.mode != old.mode || new.owner != old.owner || Self.differs(new.modified, old.modified)
    }

    private func rootChange(_ entry: FileEntry, _ old: SyncEntry?, _ found: [SyncEntry]?) -> SyncChange {
        guard entry.path.isEmpty, isDifferentRoot(entry, old, found) else {
            return SyncChange(action: .enter, entry: entry)
        }
        guard let old else { return SyncChange(action: .folder, entry: entry, differences: .new) }
        let new = listed(entry, [])
        var differences: SyncChange.Differences = []
        if new.mode != old.mode { differences.insert(.mode) }
        if new.owner != old.owner { differences.insert(.owner) }
        if Self.differs(new.modified, old.modified) { differences.insert(.time) }
        return SyncChange(action: .folder, entry: entry, differences: differences)
    }

    /// Some file systems only keep whole seconds.
    private static func differs(_ one: FileTime, _ other: FileTime) -> Bool {
        one.seconds != other.seconds
            || one.nanoseconds != other.nanoseconds && one.nanoseconds != 0 && other.nanoseconds != 0
    }
}
