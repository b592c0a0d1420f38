//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The paths of files that could not be written.
///
/// Hashes of them, as a full disk fails any number of files: two paths in a million share one with a probability of
/// 10^-13, and then a hard link is reported that could have been made.
struct FailedFiles {
    private var hashes: Set<Int> = []

    mutating func insert(_ path: [UInt8]) {
        hashes.insert(path.hashValue)
    }

    func contains(_ path: [UInt8]) -> Bool { hashes.contains(path.hashValue) }
}
