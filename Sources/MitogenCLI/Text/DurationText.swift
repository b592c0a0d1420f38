//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Durations for people.
package enum DurationText {
    /// "12 ms", "4.2 s", "1 min 05 s" or "2 h 07 min"; cut off, never rounded up.
    package static func text(milliseconds: Int) -> String {
        (0..<1000).contains(milliseconds) ? "\(milliseconds) ms" : self.elapsed(milliseconds: milliseconds)
    }

    /// Like ``text(milliseconds:)``, but in seconds from the start, so that a counter keeps its unit.
    package static func elapsed(milliseconds: Int) -> String {
        let tenths = max(0, milliseconds) / 100
        let seconds = tenths / 10
        if seconds < 60 { return "\(seconds).\(tenths % 10) s" }
        if seconds < 3600 { return "\(seconds / 60) min \(self.twoDigits(seconds % 60)) s" }
        return "\(seconds / 3600) h \(self.twoDigits(seconds / 60 % 60)) min"
    }

    private static func twoDigits(_ number: Int) -> String {
        number < 10 ? "0\(number)" : "\(number)"
    }
}

extension Duration {
    /// The whole milliseconds of the duration.
    package var wholeMilliseconds: Int {
        let (seconds, attoseconds) = self.components
        return Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
    }
}
