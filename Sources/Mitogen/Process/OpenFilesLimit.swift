//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Synchronization

/// RLIMIT_NOFILE: raised to the hard limit here, because every context takes a few descriptors, and set back to what
/// it was in everything that is started (programs that use `select` break above 1,024).
enum OpenFilesLimit {
    struct Values: Sendable {
        let soft: UInt64
        let hard: UInt64
    }

    private static let stored = Mutex<Values?>(nil)

    /// The limits that this process was started with; nil if they were never changed.
    static var original: Values? { stored.withLock { $0 } }

    /// Raises the limit, once.
    static func raise() {
        stored.withLock { stored in
            guard stored == nil else { return }
            var soft: UInt64 = 0
            var hard: UInt64 = 0
            guard cmitogen_raise_open_files(&soft, &hard) == 0 else { return }
            stored = Values(soft: soft, hard: hard)
        }
    }
}
