//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The hosts that an ssh configuration names.
enum SSHConfigHosts {
    /// What a file says.
    struct Content: Hashable, Sendable {
        /// The names of `Host` lines that stand for one host each, in the order of the file.
        var hosts: [String] = []
        /// The files of `Include` lines.
        var includes: [String] = []
    }

    /// Reads the lines of a file.
    static func content(of lines: [TextFile.Line]) -> Content {
        var content = Content()
        for line in lines {
            // A keyword is followed by spaces, or by '=' with or without spaces.
            let words = line.text.split(whereSeparator: { $0.isWhitespace || $0 == "=" }).map { word in
                String(word.count >= 2 && word.first == "\"" && word.last == "\"" ? word.dropFirst().dropLast() : word)
            }
            switch words.first?.lowercased() {
            case "host":
                content.hosts += words.dropFirst().filter { !$0.contains(where: { "*?!".contains($0) }) }
            case "include": content.includes += words.dropFirst()
            default: continue
            }
        }
        return content
    }
}
