//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Commands as they would be typed into a shell, for messages.
package enum CommandQuoting {
    /// The words of a command, quoted where a POSIX shell would otherwise read them differently.
    ///
    /// Control characters are written as `$'\n'`, which bash, zsh, ksh and newer POSIX shells understand and which
    /// cannot disturb a terminal.
    package static func shellQuoted(_ arguments: [String]) -> String {
        arguments.map(self.quoted).joined(separator: " ")
    }

    private static func quoted(_ word: String) -> String {
        if !word.isEmpty, word.utf8.allSatisfy(self.isPlain) { return word }
        if word.unicodeScalars.contains(where: { TerminalSanitizer.isHarmful($0.value) || $0 == "\n" || $0 == "\t" }) {
            return self.escaped(word)
        }
        return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "%+,-./:=@_".utf8.contains(byte)
        }
    }

    private static func escaped(_ word: String) -> String {
        var text = "$'"
        for scalar in word.unicodeScalars {
            switch scalar {
            case "\n": text += "\\n"
            case "\t": text += "\\t"
            case "\r": text += "\\r"
            case "'", "\\": text += "\\\(scalar)"
            case _ where TerminalSanitizer.isHarmful(scalar.value):
                let digits = String(scalar.value, radix: 16)
                // An escape takes as many digits as follow, up to its length, so all of them are written.
                let isShort = scalar.value < 0x80
                let padding = String(repeating: "0", count: (isShort ? 2 : 4) - digits.count)
                text += "\\\(isShort ? "x" : "u")\(padding)\(digits)"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "'"
    }
}
