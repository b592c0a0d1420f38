//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Why an argument of the command line is not right, in words for the person who typed it.
package struct ArgumentError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The message, on one line and harmless to print.
    package let description: String

    /// Whether it is a file that is wrong, and not the command line: then its usage says nothing.
    let isAboutFile: Bool

    init(_ description: String, isAboutFile: Bool = false) {
        self.description = description
        self.isAboutFile = isAboutFile
    }
}

/// A variable for the environment of a command, from `--env NAME=VALUE`.
package struct EnvironmentAssignment: Hashable, Sendable {
    /// What stands before the first `=`.
    package let name: String

    /// What stands after it; may be empty and may have more of that sign.
    package let value: String

    /// Parses `NAME=VALUE`.
    package init(parsing text: String) throws(ArgumentError) {
        // The value is not shown: it may be a secret.
        guard let sign = text.unicodeScalars.firstIndex(of: "=") else {
            throw ArgumentError("--env is written NAME=VALUE, but there is no '='")
        }
        guard sign != text.startIndex else {
            throw ArgumentError("--env is written NAME=VALUE, but there is no name before the '='")
        }
        self.name = String(text.unicodeScalars[..<sign])
        self.value = String(text.unicodeScalars[text.unicodeScalars.index(after: sign)...])
    }
}

/// The time that `--timeout` gives to a command.
package struct TimeoutArgument: Hashable, Sendable {
    /// The longest time that can be given: 30 days.
    package static let maximumSeconds = 30 * 24 * 60 * 60

    /// The time; at least a millisecond.
    package let duration: Duration

    /// Parses a number of seconds such as `30` or `0.5`.
    ///
    /// - Parameter option: The option that has it, for messages.
    package init(parsing text: String, of option: String = "--timeout") throws(ArgumentError) {
        let digits = text.utf8.filter { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.count
        let points = text.utf8.filter { $0 == UInt8(ascii: ".") }.count
        // Double also reads "1e3", "0x10", "inf" and "nan", which are slips rather than times.
        guard digits > 0, points <= 1, digits + points == text.utf8.count, let seconds = Double(text) else {
            let shown = TerminalSanitizer.visible(text)
            throw ArgumentError("\(option) is a number of seconds such as 30 or 0.5, not '\(shown)'")
        }
        guard seconds > 0 else { throw ArgumentError("\(option) must be more than 0 seconds") }
        guard seconds <= Double(Self.maximumSeconds) else {
            throw ArgumentError("\(option) may be at most \(Self.maximumSeconds) seconds (30 days)")
        }
        // Rounded up: a time that is too short to be counted must not become none.
        self.duration = .milliseconds(max(1, Int((seconds * 1000).rounded(.up))))
    }
}
