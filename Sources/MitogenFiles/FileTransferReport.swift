//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen
internal import MitogenProtocol

/// What a transfer has come to.
public struct FileTransferReport: Sendable {
    /// How many files, folders and links were written.
    public var entries = 0
    /// How many bytes of files were written, without holes and without what an earlier attempt had left.
    public var bytes = 0
    /// What could not be read or written; the rest was. The last one may be why the transfer was given up.
    public var failures: [MitogenError] = []
    /// Whether it has come to its end, with or without failures.
    public var isComplete = false

    init() {}

    mutating func finish(_ counts: TransferCounts) {
        entries = counts.entries
        bytes = counts.bytes
        isComplete = true
    }

    /// - Throws: The failure, if there is one.
    func checked() throws(MitogenError) -> FileTransferReport {
        guard let first = failures.first else { return self }
        guard failures.count > 1 else { throw first }
        throw MitogenError(
            first.code,
            "\(first.message) (and \(failures.count - 1) more failures)",
            context: first.context,
            hint: first.advice
        )
    }
}
