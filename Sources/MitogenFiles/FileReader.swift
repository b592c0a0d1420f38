//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
package import MitogenProtocol

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Reads a regular file from front to back, as data and holes.
package struct FileReader {
    package let descriptor: Descriptor
    package let path: [UInt8]
    /// As the file was when it was opened.
    package private(set) var status: FileStatus
    /// The content of a file that has more or less of it than its size says, as those of /proc and /sys have.
    private var content: [UInt8]?
    package private(set) var offset = 0
    /// Where the data ends in which the offset is; holes are only looked for where there can be some.
    private var dataEnd = 0

    /// Opens a file. A symbolic link in its place is not followed, and a device or a FIFO not read.
    package init(_ name: [UInt8], in folder: Descriptor, follows: Bool = false, path: [UInt8]) throws(FileFailure) {
        self.path = path
        // So that a FIFO that has been put there does not hold up the opening.
        let flags = O_RDONLY | O_NONBLOCK | (follows ? 0 : O_NOFOLLOW)
        let number = withName(name) { cmitogen_file_open(folder.number, $0, flags, 0) }
        descriptor = Descriptor(try check(number, path, "open it"))
        status = try FileStatus(of: descriptor, path: path)
        guard status.kind == .regular else { throw Self.notRegular(status, path) }
        if status.hasNoBlocks, try read(Self.probe, at: 0).count != min(status.size, Self.probe) { try readWhole() }
        dataEnd = status.hasHoles ? 0 : status.size
        cmitogen_file_will_read(descriptor.number)
    }

    /// Opens a file by its path, following links.
    package init(path: [UInt8]) throws(FileFailure) {
        try self.init(path, in: .workingDirectory, follows: true, path: path)
    }

    /// Opens a file in a folder, at any depth, without following links below the folder.
    ///
    /// - Parameter folder: An ancestor of the file; both paths are absolute and normal.
    package init(_ path: [UInt8], below folder: [UInt8]) throws(FileFailure) {
        let relative = Array(path.dropFirst(folder.count).drop { $0 == UInt8(ascii: "/") })
        guard let parts = FilePath.components(ofRelative: relative), let name = parts.last else {
            throw FileFailure(.isFolder, path, "is a folder")
        }
        let root = try FolderStack.open(folder, in: .workingDirectory, follows: true, shown: folder)
        let parent = try FolderStack(root: root, path: folder).openFolder(of: parts.dropLast())
        try self.init(name, in: parent, path: path)
    }

    private static let probe = 4096
    private static let mostOfWhole = 64 << 20

    private mutating func readWhole() throws(FileFailure) {
        var bytes: [UInt8] = []
        while true {
            let piece = try read(FileItem.pieceSize, at: bytes.count)
            if piece.isEmpty { break }
            bytes += piece
            guard bytes.count <= Self.mostOfWhole else {
                throw FileFailure(.other, path, "has more than 64 MiB, which its size does not tell")
            }
        }
        content = bytes
        status.size = bytes.count
        status.hasHoles = false
    }

    static func notRegular(_ status: FileStatus, _ path: [UInt8]) -> FileFailure {
        status.kind == .folder
            ? FileFailure(.isFolder, path, "is a folder")
            : FileFailure(.isNotRegular, path, "is not a regular file, but a device, a FIFO or a socket")
    }

    /// Goes on at another place.
    package mutating func seek(to offset: Int) {
        self.offset = min(offset, status.size)
        dataEnd = status.hasHoles ? self.offset : status.size
    }

    /// The next piece: ``FileItem/data(_:)`` or ``FileItem/hole(_:)``; nil after the last one.
    ///
    /// - Throws: ``FileFailure``, `.changed` if the file is not any more what it was when it was opened.
    package mutating func next() throws(FileFailure) -> FileItem? {
        guard offset < status.size else {
            try checkUnchanged()
            return nil
        }
        if offset >= dataEnd, let hole = try findData() {
            offset += hole
            return .hole(hole)
        }
        let bytes = try read(min(FileItem.pieceSize, dataEnd - offset))
        offset += bytes.count
        return .data(bytes)
    }

    /// The next bytes, those of holes too; nil after the last ones.
    package mutating func nextBytes(atMost count: Int) throws(FileFailure) -> [UInt8]? {
        guard offset < status.size else {
            try checkUnchanged()
            return nil
        }
        let bytes = try read(min(count, status.size - offset))
        offset += bytes.count
        return bytes
    }

    /// The length of the hole at the offset, if there is one; otherwise notes where the data ends.
    private mutating func findData() throws(FileFailure) -> Int? {
        let data = cmitogen_file_next_data(descriptor.number, Int64(offset))
        // Behind the last data there is a hole up to the end.
        let start = data == -Int64(ENXIO) ? status.size : Int(data)
        guard start >= 0 else {
            dataEnd = status.size
            return nil
        }
        if start > offset { return min(start, status.size) - offset }
        let hole = cmitogen_file_next_hole(descriptor.number, Int64(offset))
        dataEnd = hole > Int64(offset) ? min(Int(hole), status.size) : status.size
        return nil
    }

    private func read(_ count: Int) throws(FileFailure) -> [UInt8] {
        if let content { return Array(content[offset..<offset + count]) }
        let bytes = try read(count, at: offset)
        guard bytes.count == count else { throw changed }
        return bytes
    }

    private func read(_ count: Int, at offset: Int) throws(FileFailure) -> [UInt8] {
        var result = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            result = cmitogen_file_read(descriptor.number, buffer.baseAddress, count, Int64(offset))
            filled = max(0, result)
        }
        try check(result, path, "read it")
        return bytes
    }

    private func checkUnchanged() throws(FileFailure) {
        if content == nil, try FileStatus(of: descriptor, path: path).mayDiffer(from: status) { throw changed }
    }

    private var changed: FileFailure { FileFailure(.changed, path, "was changed while it was read") }

    /// The SHA-256 of the whole content, holes as zeros. The offset is unchanged.
    package func digest() throws(FileFailure) -> [UInt8] {
        var hash = Hash()
        var reader = self
        reader.seek(to: 0)
        reader.dataEnd = status.size
        while let item = try reader.next() {
            if case .data(let bytes) = item { hash.update(bytes) }
        }
        return hash.finish()
    }
}

/// The extended attributes of an open file.
package enum FileAttributes {
    /// Others are the system's: capabilities and labels, say, are given by who may do that there (xattr(7)).
    static func isOfUser(_ name: [UInt8]) -> Bool { name.starts(with: "user.".utf8) }

    static func ofUser(_ descriptor: Descriptor) -> [FileMetadata.Attribute] {
        names(descriptor).filter(isOfUser).compactMap { name in
            value(name, of: descriptor).map { FileMetadata.Attribute(name: name, value: $0) }
        }
    }

    private static func names(_ descriptor: Descriptor) -> [[UInt8]] {
        var names: UnsafeMutablePointer<CChar>?
        let count = cmitogen_file_list_attributes(descriptor.number, &names)
        defer { free(names) }
        return NameList(names, count: count).names
    }

    /// The value; nil if there is none, or the file system has no attributes.
    static func value(_ name: [UInt8], of descriptor: Descriptor) -> [UInt8]? {
        value { buffer in
            withName(name) { cmitogen_file_get_attribute(descriptor.number, $0, buffer.baseAddress, buffer.count) }
        }
    }

    /// The value for a file in a folder, which need not be readable.
    static func value(_ attribute: [UInt8], of name: [UInt8], in folder: Descriptor) -> [UInt8]? {
        value { buffer in
            withName(name) { name in
                withName(attribute) {
                    cmitogen_file_get_attribute_at(folder.number, name, $0, buffer.baseAddress, buffer.count)
                }
            }
        }
    }

    private static func value(_ read: (UnsafeMutableBufferPointer<UInt8>) -> Int) -> [UInt8]? {
        var result = 0
        // The kernel has none that are larger.
        let value = [UInt8](unsafeUninitializedCapacity: 64 << 10) { buffer, filled in
            result = read(buffer)
            filled = max(0, result)
        }
        return result < 0 ? nil : value
    }

    static func set(
        _ attribute: FileMetadata.Attribute,
        of descriptor: Descriptor,
        path: [UInt8]
    ) throws(FileFailure) {
        let result = withName(attribute.name) { name in
            attribute.value.withUnsafeBytes {
                cmitogen_file_set_attribute(descriptor.number, name, $0.baseAddress, $0.count)
            }
        }
        try check(result, path, "set its attribute \(FilePath.visible(attribute.name))")
    }
}

/// Names that each end with a zero byte.
struct NameList {
    let names: [[UInt8]]

    init(_ start: UnsafeMutablePointer<CChar>?, count: Int) {
        guard let start, count > 0 else {
            names = []
            return
        }
        let bytes = UnsafeRawBufferPointer(start: start, count: count)
        names = bytes.split(separator: 0).map { [UInt8]($0) }
    }
}
