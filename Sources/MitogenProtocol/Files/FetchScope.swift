//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What was asked for, so that the other side cannot choose the names that are written here.
package struct FetchScope: Sendable {
    /// The names that the entries begin with; nil if the content of a folder was asked for, whose names nobody knows.
    private let names: Set<[UInt8]>?
    private let isRecursive: Bool

    package init(roots: [[UInt8]], isRecursive: Bool) {
        let names = roots.map { FilePath.hasTrailingSlash($0) ? [] : FilePath.split($0).name }
        self.names = names.contains([]) ? nil : Set(names)
        self.isRecursive = isRecursive
    }

    package func allows(_ entry: FileEntry) -> Bool {
        guard let parts = FilePath.components(ofRelative: entry.path) else { return false }
        if let names, parts.first.map(names.contains) != true { return false }
        return isRecursive || (parts.count == 1 && entry.kind == .regular)
    }
}
