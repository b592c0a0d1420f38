//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Paths as the operating system has them: bytes, which need not be UTF-8.
package enum FilePath {
    private static let slash = UInt8(ascii: "/")

    /// The parts of a path within a tree: relative, and leading neither out of it nor to its parts' own folder.
    ///
    /// - Returns: The parts, none for the root itself; nil if the path is not allowed.
    package static func components(ofRelative path: [UInt8]) -> [[UInt8]]? {
        if path.isEmpty { return [] }
        let parts = path.split(separator: slash, omittingEmptySubsequences: false).map(Array.init)
        return parts.allSatisfy(isName) ? parts : nil
    }

    /// Whether it can be the name of something in a folder.
    package static func isName(_ name: [UInt8]) -> Bool {
        !name.isEmpty && name != Array(".".utf8) && name != Array("..".utf8) && !name.contains(slash)
            && !name.contains(0)
    }

    package static func join(_ folder: [UInt8], _ name: [UInt8]) -> [UInt8] {
        if folder.isEmpty { return name }
        if name.isEmpty { return folder }
        return folder.last == slash ? folder + name : folder + [slash] + name
    }

    /// The folder and the name of what a path leads to; the name is empty for a folder that only `.`, `..` or `/` names.
    package static func split(_ path: [UInt8]) -> (folder: [UInt8], name: [UInt8]) {
        let path = withoutTrailingSlashes(path)
        let start = path.lastIndex(of: slash).map { $0 + 1 } ?? 0
        let name = Array(path[start...])
        guard isName(name) else { return (path.isEmpty ? [UInt8(ascii: ".")] : path, []) }
        let folder = start == 0 ? [UInt8(ascii: ".")] : withoutTrailingSlashes(Array(path[..<start]))
        return (folder, name)
    }

    package static func hasTrailingSlash(_ path: [UInt8]) -> Bool { path.last == slash }

    /// Keeps the slash of the root.
    package static func withoutTrailingSlashes(_ path: [UInt8]) -> [UInt8] {
        var path = path
        while path.count > 1, path.last == slash { path.removeLast() }
        return path
    }

    /// An absolute path without `.`, `..` and double slashes, by its text alone.
    ///
    /// - Returns: Nil if the path is relative or contains a zero byte.
    package static func normalized(absolute path: [UInt8]) -> [UInt8]? {
        guard path.first == slash, !path.contains(0) else { return nil }
        var parts: [ArraySlice<UInt8>] = []
        for part in path.split(separator: slash) where part != [UInt8(ascii: ".")] {
            if part.elementsEqual("..".utf8) { _ = parts.popLast() } else { parts.append(part) }
        }
        return [slash] + parts.joined(separator: [slash])
    }

    /// What people are shown: the text, with `\xe9` for what is not ASCII where the bytes are not UTF-8.
    package static func visible(_ path: [UInt8]) -> String {
        let text = String(decoding: path, as: UTF8.self)
        if text.utf8.elementsEqual(path) { return text }
        return path.reduce(into: "") { text, byte in
            if byte < 0x80 {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                text += "\\x\(String(byte, radix: 16))"
            }
        }
    }
}
