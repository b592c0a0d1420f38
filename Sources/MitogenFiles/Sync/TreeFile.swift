//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import MitogenProtocol

/// Opens a file that a ``TreeWalker`` has found, by its path in the transfer.
package enum TreeFile {
    /// - Parameters:
    ///   - path: Of the entry.
    ///   - root: What the walker was given.
    package static func open(_ path: [UInt8], below root: [UInt8]) throws(FileFailure) -> FileReader {
        let top = FilePath.withoutTrailingSlashes(HomeFolder.expand(root))
        guard let parts = FilePath.components(ofRelative: path) else {
            throw FileFailure(.unsafePath, path, "leads out of the folder that is read")
        }
        let inside = parts.dropFirst(TreeWalker.isContents(root) ? 0 : 1)
        guard let name = inside.last else {
            return try FileReader(top, in: .workingDirectory, follows: true, path: top)
        }
        let folder = try FolderStack.open(top, in: .workingDirectory, follows: true, shown: top)
        let folders = FolderStack(root: folder, path: top)
        return try FileReader(name, in: folders.openFolder(of: inside.dropLast()), path: folders.path(of: inside))
    }
}
