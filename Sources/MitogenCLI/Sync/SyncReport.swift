//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What has become of a target.
struct SyncReport: Sendable {
    /// Files whose content was sent, or would be.
    var files = 0
    /// What was removed, or would be.
    var deleted = 0
    /// Other things that were made or changed.
    var others = 0
    /// The bytes of files that were sent, as they are or as operations.
    var sentBytes = 0
    /// The bytes that the target's old files had.
    var matchedBytes = 0
    var failures = 0
    var duration = Duration.zero
}

/// Something to show.
enum SyncNews: Sendable {
    case change(target: Int, SyncChange)
    /// Something could not be done in a target, or nothing at all if that was the last.
    case failure(target: Int, FailureReport)
    /// A remark about a target.
    case note(target: Int, String)
    case finished(target: Int, SyncReport)
}
