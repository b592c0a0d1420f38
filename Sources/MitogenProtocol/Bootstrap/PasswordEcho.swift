//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What tools show for the letters of a password while it is typed: sudo-rs by default, sudo with `pwfeedback`. It tells
/// how long the password is.
package enum PasswordEcho {
    /// A line without the stars behind a question, and what removes them from a screen again.
    static func removed(from line: ArraySlice<UInt8>) -> [UInt8] {
        guard let star = line.firstIndex(of: UInt8(ascii: "*")) else { return Array(line) }
        var end = star
        while end < line.endIndex {
            switch line[end] {
            case UInt8(ascii: "*"), 0x08, 0x20, 0x0D: end += 1
            case 0x1B where line[end...].prefix(4).elementsEqual([0x1B, 0x5B, 0x30, 0x4B]): end += 4
            default: return Array(line[..<star]) + line[end...]
            }
        }
        return Array(line[..<star])
    }
}

extension PromptTable {
    /// A line of the tool without what it shows for the letters of a password.
    package func withoutEcho(_ line: [UInt8]) -> [UInt8] {
        guard line.contains(UInt8(ascii: "*")) else { return line }
        guard let end = passwordPrompts.lazy.compactMap({ self.end(of: $0, in: line) }).first else { return line }
        return Array(line[..<end]) + PasswordEcho.removed(from: line[end...])
    }

    /// Where a question ends, as far as its words are known.
    private func end(of prompt: Prompt, in line: [UInt8]) -> Int? {
        switch prompt {
        case .containing, .naming: return nil
        case .ending(let text), .leading(let text):
            var text = ByteSearch.folded(text)
            while text.last == 0x20 { text.removeLast() }
            guard let start = ByteSearch.index(of: text, in: line.map(ByteSearch.folded)[...]) else { return nil }
            return start + text.count
        }
    }
}
