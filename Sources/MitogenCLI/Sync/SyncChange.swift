//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

/// Something that is to be done in a target, with its reasons.
struct SyncChange: Sendable, Hashable {
    enum Action: Sendable, Hashable {
        /// Something that the source does not have is removed.
        case delete
        /// A folder is made, or gets its metadata.
        case folder
        case symbolicLink
        /// A file's content is sent, as a delta if the target has one of this size.
        case file(oldSize: Int?)
        /// Only metadata.
        case metadata
        /// The contents have to be compared first; without a difference only metadata may have to be changed.
        case compare(oldSize: Int, metadata: Bool)
        /// It cannot be done.
        case conflict(String)
        /// Nothing that is worth mention: a folder gets its time back after something in it has changed.
        case enter
    }

    /// What differs, as in rsync's `--itemize-changes`.
    struct Differences: OptionSet, Sendable, Hashable {
        let rawValue: Int

        static let content = Self(rawValue: 1)
        static let size = Self(rawValue: 2)
        static let time = Self(rawValue: 4)
        static let mode = Self(rawValue: 8)
        static let owner = Self(rawValue: 16)
        static let new = Self(rawValue: 32)
    }

    var action: Action
    var entry: FileEntry
    var differences: Differences = []
    /// Something of another kind is in the way, and is removed first.
    var replaces: SyncEntry.Kind?

    /// The eleven characters of rsync's `--itemize-changes`; nil if there is nothing to say.
    var itemized: String? {
        let kind: String
        switch entry.kind {
        case .regular, .hardLink: kind = "f"
        case .folder: kind = "d"
        case .symbolicLink: kind = "L"
        }
        switch action {
        case .delete: return "*deleting  "
        case .conflict, .enter: return nil
        case .file, .compare: return "<\(kind)\(flags)"
        case .folder, .symbolicLink:
            return (differences.contains(.new) || entry.kind != .folder ? "c" : ".") + kind + flags
        case .metadata: return ".\(kind)\(flags)"
        }
    }

    private var flags: String {
        if differences.contains(.new) { return "+++++++++" }
        func flag(_ difference: Differences, _ letter: String) -> String {
            differences.contains(difference) ? letter : "."
        }
        return flag(.content, "c") + flag(.size, "s") + flag(.time, "t") + flag(.mode, "p") + flag(.owner, "o") + "...."
    }
}
