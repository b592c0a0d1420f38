//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Cuts a stream into lines.
struct LineSplitter: Sendable {
    /// What came after the last line end.
    private(set) var rest: [UInt8] = []
    /// How much of it is known to have no line end.
    private var searched = 0

    /// Adds bytes, of which ``next()`` gives the lines.
    mutating func append(_ bytes: some Collection<UInt8>) {
        rest.append(contentsOf: bytes)
    }

    /// The next complete line, without its end.
    mutating func next() -> [UInt8]? {
        guard let end = rest[searched...].firstIndex(of: 10) else {
            searched = rest.count
            return nil
        }
        let line = Array(rest[..<end])
        rest.removeFirst(end + 1)
        searched = 0
        return line
    }

    /// Everything that is left.
    mutating func takeRest() -> [UInt8] {
        defer {
            rest = []
            searched = 0
        }
        return rest
    }
}
