//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFiles
internal import MitogenProtocol

/// What there is to be synchronised, as it was found on this machine; read once for all targets.
struct SyncSource: Sendable {
    /// A folder of the transfer.
    struct Folder: Sendable {
        /// Empty for the root.
        var path: [UInt8]
        /// Its own entry; nil for a root whose content is not transferred as a whole.
        var entry: FileEntry?
        /// What is in it, in the order of the names.
        var entries: [FileEntry] = []
        /// Whether what is not here can be removed there.
        var isWhole: Bool { entry != nil }
    }

    /// In the order in which they are written: each before what is in it.
    private(set) var folders: [Folder] = [Folder(path: [], entry: nil)]
    private(set) var failures: [FileFailure] = []
    /// The number of the root that each first part of a path came from.
    private(set) var roots: [[UInt8]] = []
    private var rootOf: [[UInt8]: Int] = [:]
    /// The folders by their paths.
    private var places: [[UInt8]: Int] = [[]: 0]
    private var sizes: [[UInt8]: Int] = [:]

    /// Goes through the sources. It blocks.
    init(_ options: SyncOptions) {
        let accounts = Accounts()
        for (number, root) in options.sources.enumerated() {
            roots.append(root.bytes)
            var walker = TreeWalker(
                root: root.bytes,
                options: options.transfer,
                accounts: accounts,
                opensFiles: false
            ) { entry in
                !entry.path.isEmpty && options.excludes(entry.path, isFolder: entry.kind == .folder)
            }
            while let step = walker.next(), !Task.isCancelled {
                switch step {
                case .failure(let failure): failures.append(failure)
                case .entry(let entry): add(entry, of: number)
                }
            }
        }
    }

    private mutating func add(_ found: FileEntry, of root: Int) {
        var entry = found
        // The names of one file are files of their own, as for rsync without -H.
        if entry.kind == .hardLink {
            entry.kind = .regular
            entry.size = sizes[entry.target] ?? 0
            entry.target = []
        } else if entry.kind == .regular {
            sizes[entry.path] = entry.size
        }
        if entry.path.isEmpty {
            folders[0].entry = folders[0].entry ?? entry
            return
        }
        let parts = entry.path.split(separator: UInt8(ascii: "/"), maxSplits: 1)
        let first = Array(parts[0])
        // As for rsync, the first source that has a name wins.
        if let other = rootOf[first], other != root { return }
        rootOf[first] = root
        let parent = entry.path.lastIndex(of: UInt8(ascii: "/")).map { Array(entry.path[..<$0]) } ?? []
        guard let place = places[parent] else { return }
        folders[place].entries.append(entry)
        guard entry.kind == .folder else { return }
        places[entry.path] = folders.count
        folders.append(Folder(path: entry.path, entry: entry))
    }

    /// Whether the destination has to be a folder.
    func needsFolder(_ options: SyncOptions) -> Bool {
        options.sources.count != 1 || folders.count > 1 || folders[0].isWhole
    }

    /// Some files, each folder before what is in it.
    func listing(of files: [FileEntry], _ options: SyncOptions) -> FileListing {
        let paths = Set(files.map(\.path))
        var entries: [FileEntry] = []
        var entered: Set<[UInt8]> = [[]]
        for folder in folders {
            let inside = folder.entries.filter { $0.kind == .regular && paths.contains($0.path) }
            guard !inside.isEmpty else { continue }
            for place in way(to: folder.path) where entered.insert(place.path).inserted || place.path == folder.path {
                entries += [place]
            }
            entries += inside
        }
        return FileListing(entries, isFolder: needsFolder(options)) { (path) throws(FileFailure) in try open(path) }
    }

    /// The entries of a folder and of those that it is in, the outermost first.
    private func way(to path: [UInt8]) -> [FileEntry] {
        var entries: [FileEntry] = []
        var rest = path
        while !rest.isEmpty {
            if let place = places[rest], let entry = folders[place].entry { entries.insert(entry, at: 0) }
            rest = rest.lastIndex(of: UInt8(ascii: "/")).map { Array(rest[..<$0]) } ?? []
        }
        return entries
    }

    /// Opens a file of the transfer.
    func open(_ path: [UInt8]) throws(FileFailure) -> FileReader {
        let first = Array(path.prefix { $0 != UInt8(ascii: "/") })
        guard let number = rootOf[first] else { throw FileFailure(.vanished, path, "is not there any more") }
        return try TreeFile.open(path, below: roots[number])
    }
}
