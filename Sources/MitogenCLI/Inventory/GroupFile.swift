//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// A file of groups with a line for each: `web: web[1-20]`. ClusterShell's own flat files have this form.
enum GroupFile {
    /// Whether a line has this form.
    static func isGroup(_ text: String) -> Bool {
        guard let colon = text.firstIndex(of: ":"), colon > text.startIndex else { return false }
        let rest = text[text.index(after: colon)...]
        let name = text[..<colon]
        // A host with a port has no space behind its colon.
        return (rest.isEmpty || rest.first?.isWhitespace == true)
            && name.allSatisfy { $0.isLetter || $0.isNumber || "_.-".contains($0) }
    }

    /// The members of each group. Several lines for a group add up, and spaces separate node sets as commas do.
    ///
    /// - Throws: ``ArgumentError`` with the line.
    static func groups(of lines: [TextFile.Line], name: String) throws(ArgumentError) -> [String: [String]] {
        var groups: [String: [String]] = [:]
        for line in lines {
            guard Self.isGroup(line.text), let colon = line.text.firstIndex(of: ":") else {
                throw ArgumentError(
                    "\(name):\(line.number): expected is GROUP: NODES, as in 'web: web[1-20]'",
                    isAboutFile: true
                )
            }
            let nodes = line.text[line.text.index(after: colon)...].split(whereSeparator: \.isWhitespace)
            groups[String(line.text[..<colon]), default: []] += nodes.map(String.init)
        }
        return groups
    }
}
