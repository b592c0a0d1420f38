//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// How long connections are held without use, as it is written on the command line.
package struct HoldTime: Hashable, Sendable {
    /// 10 minutes.
    package static let usual = HoldTime(seconds: 600)

    /// Nil for ever.
    package let seconds: Double?

    private init(seconds: Double?) {
        self.seconds = seconds
    }

    /// Parses a number with or without a unit, such as `90`, `30s`, `10m`, `2h`, `1d`, or `forever`.
    ///
    /// - Throws: ``ArgumentError``.
    package init(parsing text: String) throws(ArgumentError) {
        if text == "forever" {
            self.seconds = nil
            return
        }
        let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        let unit = text.last.flatMap { units[$0] }
        let digits = unit == nil ? text[...] : text.dropLast()
        let isNumber = !digits.isEmpty && digits.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2E }
        guard isNumber, let number = Double(digits) else {
            throw ArgumentError(
                "--for is a time such as 30s, 10m, 2h or 1d, or 'forever', not '\(TerminalSanitizer.visible(text))'"
            )
        }
        let seconds = number * (unit ?? 1)
        guard seconds > 0, seconds <= 366 * 86_400 else {
            throw ArgumentError("--for is more than 0 and at most 366 days; without an end it is 'forever'")
        }
        self.seconds = seconds
    }

    /// In words: "for 10 min 00 s without use".
    package var text: String {
        guard let seconds else { return "until it is ended" }
        return "for \(DurationText.text(milliseconds: Int(seconds * 1000))) without use"
    }
}
