//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The patterns of the `Host` lines in ssh's configuration files (ssh_config(5)). ssh has the same answers for names that
/// match the same of them, so that it needs not be asked about each of a thousand hosts. Values of `HostName` count as
/// patterns: ssh does not tell them from the name of the host itself.
package struct SSHHostPatterns: Sendable {
    /// In lower case.
    private var patterns: [ArraySlice<UInt8>] = []

    /// Reads configuration files.
    ///
    /// - Parameter files: The contents of all that ssh has read, in any order.
    /// - Returns: nil where more than the name can matter: `Match`, and names of files that depend on the name; and where
    ///   patterns are quoted.
    package init?(files: [[UInt8]]) {
        for file in files {
            let folded = file.map(ByteSearch.folded)
            for line in folded.split(whereSeparator: { $0 == 10 || $0 == 13 }) {
                let words = line.split { $0 == 0x20 || $0 == 9 || $0 == 0x3D || $0 == 0x22 }
                guard let keyword = words.first else { continue }
                let isHost = keyword.elementsEqual("host".utf8)
                if isHost, line.contains(where: { "'\"\\".utf8.contains($0) }) { return nil }
                if isHost || keyword.elementsEqual("hostname".utf8) { patterns += words.dropFirst() }
                if keyword.elementsEqual("match".utf8) { return nil }
                if keyword.elementsEqual("include".utf8), line.contains(UInt8(ascii: "%")) { return nil }
            }
        }
    }

    /// The files that an `ssh -v` says that it has read.
    package static func files(in diagnostics: [String]) -> [String] {
        let text = "debug1: Reading configuration data "
        return diagnostics.filter { $0.hasPrefix(text) }.map { String($0.dropFirst(text.count)) }
    }

    /// What two names have in common about which ssh says the same; nil for a name that ssh itself takes apart or changes.
    package func key(of name: String) -> String? {
        let isPlain = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            default: ".-_".utf8.contains(byte)
            }
        }
        // Of numbers ssh makes an address, as of 10.1.
        let parts = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let isAddress =
            parts.count == 4
            && parts.allSatisfy { part in
                let text = String(Substring(part))
                return UInt8(text).map { String($0) } == text
            }
        guard isPlain, isAddress || !(UInt8(ascii: "0")...UInt8(ascii: "9") ~= name.utf8.first ?? 0) else { return nil }
        // Pattern by pattern: who matches the same patterns matches the same lines.
        let name = Array(name.utf8)
        return String(decoding: patterns.map { UInt8(ascii: Self.matches(name, $0) ? "1" : "0") }, as: UTF8.self)
    }

    /// Whether a name in lower case matches a pattern with `*` and `?`, whatever the `!` in front of it means.
    static func matches(_ name: [UInt8], _ pattern: ArraySlice<UInt8>) -> Bool {
        let pattern = pattern.drop { $0 == UInt8(ascii: "!") }
        // The last `*`, and where the name goes on behind what it stands for.
        var (at, place, next) = (0, pattern.startIndex, 0)
        var star: Int?
        while at < name.count {
            let byte = place < pattern.endIndex ? pattern[place] : 0
            if byte == UInt8(ascii: "*") {
                (star, next) = (place, at)
                place += 1
            } else if byte == name[at] || byte == UInt8(ascii: "?") {
                (at, place) = (at + 1, place + 1)
            } else if let star {
                next += 1
                (at, place) = (next, star + 1)
            } else {
                return false
            }
        }
        return pattern[place...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
