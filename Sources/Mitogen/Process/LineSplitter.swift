//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Cuts bytes that come in pieces into lines. A line ends with a newline; a carriage return before that belongs to it.
package struct LineSplitter: Sendable {
    private let longest: Int
    /// What has come and is not given out; lines before `start` are.
    private var bytes: [UInt8] = []
    private var start = 0
    /// Up to where no newline is.
    private var searched = 0
    private var failure: MitogenError?
    /// Whether every byte is there; then the last line needs no end.
    package private(set) var hasEnded = false

    /// - Parameter longest: How many bytes a line may have.
    package init(longest: Int) {
        self.longest = longest
    }

    package mutating func add(_ piece: [UInt8]) {
        if start > 0 {
            bytes.removeSubrange(..<start)
            searched -= start
            start = 0
        }
        bytes += piece
    }

    /// Nothing follows.
    ///
    /// - Parameter failure: What ``next()`` throws once after the last line; nothing by default.
    package mutating func end(with failure: MitogenError? = nil) {
        hasEnded = true
        self.failure = failure
    }

    /// The next line; nil if there is none yet, or no more.
    ///
    /// - Throws: `.misuse` if the line is too long; what it was ended with.
    package mutating func next() throws(MitogenError) -> String? {
        let newline = bytes[searched...].firstIndex(of: 0x0a)
        let end = newline ?? bytes.endIndex
        guard end - start <= longest else {
            throw MitogenError(.misuse, "the command wrote a line of more than \(longest) bytes")
        }
        searched = end
        guard newline != nil || hasEnded && start < end else {
            if hasEnded, let failure = failure.take() { throw failure }
            return nil
        }
        var line = bytes[start..<end]
        if line.last == 0x0d { line.removeLast() }
        start = newline.map { $0 + 1 } ?? end
        searched = start
        return String(decoding: line, as: UTF8.self)
    }
}
