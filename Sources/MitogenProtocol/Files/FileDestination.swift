//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Where the roots of a transfer go, as `cp` decides it.
package struct FileDestination: Sendable, Hashable {
    /// The folder that everything is written below, and what the first part of every path is called there; nil if it
    /// keeps its name.
    package var folder: [UInt8]
    package var name: [UInt8]?

    /// What is known of the destination.
    package enum State: Sendable {
        case missing, folder, other
    }

    /// - Parameters:
    ///   - path: What was asked for.
    ///   - state: What is there.
    ///   - isFolder: Whether it has to be a folder: there are several sources, the path ends with a slash, or what is in a
    ///     folder is to be there, without that folder.
    /// - Returns: Nil if it has to be a folder and is something else. A folder that is missing is to be made.
    package init?(path: [UInt8], state: State, isFolder: Bool) {
        let path = path.isEmpty ? [UInt8(ascii: ".")] : path
        switch state {
        case .folder: self.init(folder: path, name: nil)
        case .other where isFolder: return nil
        case .missing where isFolder: self.init(folder: path, name: nil)
        case .missing, .other:
            let (folder, name) = FilePath.split(path)
            self.init(folder: folder, name: name)
        }
    }

    private init(folder: [UInt8], name: [UInt8]?) {
        self.folder = folder
        self.name = name
    }

    /// The parts of a path of the transfer as they are below the folder; nil if the path is not allowed.
    package func components(of path: [UInt8]) -> [[UInt8]]? {
        guard var parts = FilePath.components(ofRelative: path) else { return nil }
        guard let name else { return parts }
        if parts.isEmpty { return nil }
        parts[0] = name
        return parts
    }
}
