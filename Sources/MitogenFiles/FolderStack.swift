//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import MitogenProtocol

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// The open folders between a root and where a transfer is, each opened in the one before without following links.
struct FolderStack {
    struct Level {
        let name: [UInt8]
        let descriptor: Descriptor
        /// What the folder is to get when all in it is written.
        var pending: FileEntry?
        var isNew = false
    }

    /// No tree of a user is as deep, and each level takes a descriptor.
    static let deepest = 512

    let root: Descriptor
    let rootPath: [UInt8]
    private(set) var levels: [Level] = []

    init(root: Descriptor, path: [UInt8]) {
        self.root = root
        rootPath = path
    }

    var current: Descriptor { levels.last?.descriptor ?? root }

    /// Opens a folder by its path, or makes one.
    static func open(
        _ path: [UInt8],
        in folder: Descriptor,
        follows: Bool,
        shown: [UInt8]
    ) throws(FileFailure) -> Descriptor {
        let number = withName(path) { cmitogen_file_open_folder(folder.number, $0, follows) }
        if [ELOOP, ENOTDIR].contains(-number), !follows,
            try FileStatus.find(path, in: folder, path: shown)?.kind == .symbolicLink
        {
            throw FileFailure(.isNotFolder, shown, "is a symbolic link, which is not followed")
        }
        return Descriptor(try check(number, shown, "open the folder"))
    }

    /// The path that messages call something by.
    func path(of components: some Collection<[UInt8]>) -> [UInt8] {
        components.reduce(rootPath) { FilePath.join($0, $1) }
    }

    /// Leaves and enters folders until it is in this one.
    ///
    /// - Parameter leave: Called for each folder that is left, the innermost first.
    mutating func move(
        to components: ArraySlice<[UInt8]>,
        leave: (Level, _ path: [UInt8]) throws(FileFailure) -> Void
    ) throws(FileFailure) {
        let common = zip(levels, components).prefix { $0.name == $1 }.count
        while levels.count > common {
            let shown = path(of: levels.map(\.name))
            let level = levels.removeLast()
            try leave(level, shown)
        }
        for name in components.dropFirst(common) {
            let shown = path(of: levels.map(\.name) + [name])
            try push(Level(name: name, descriptor: Self.open(name, in: current, follows: false, shown: shown)), shown)
        }
    }

    mutating func push(_ level: Level, _ shown: [UInt8]) throws(FileFailure) {
        guard levels.count < Self.deepest else {
            throw FileFailure(.other, shown, "is more than \(Self.deepest) folders deep")
        }
        levels.append(level)
    }

    /// Opens the folder of something elsewhere below the root.
    func openFolder(of components: ArraySlice<[UInt8]>) throws(FileFailure) -> Descriptor {
        var folder = root
        for end in components.indices {
            let shown = path(of: components[...end])
            folder = try Self.open(components[end], in: folder, follows: false, shown: shown)
        }
        return folder
    }
}
