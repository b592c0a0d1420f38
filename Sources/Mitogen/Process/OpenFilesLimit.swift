//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Synchronization

/// RLIMIT_NOFILE: raised to the hard limit here, because every context takes a few descriptors, and set back to what
/// it was in everything that is started (programs that use `select` break above 1,024).
package enum OpenFilesLimit {
    /// What a direct connection takes while it is there: a socket, the pipe of the diagnostics, the process's end; and
    /// one more for a pseudo-terminal.
    package static let perConnection = 4
    /// What the process takes besides, also for a moment while it makes connections.
    package static let besides = 64

    struct Values: Sendable {
        let soft: UInt64
        let hard: UInt64
    }

    private static let stored = Mutex<Values?>(nil)

    /// The limits that this process was started with; nil if they were never changed.
    static var original: Values? { stored.withLock { $0 } }

    /// The limit that counts, which is the hard one: nil where it is not known.
    package static var hard: Int? { original.map { Int(clamping: $0.hard) } }

    static var hint: String {
        let limit = hard.map { " of \($0)" } ?? ""
        return
            "each connection takes about \(perConnection): raise this process's hard limit\(limit) (ulimit -Hn), or make "
            + "fewer connections at a time"
    }

    /// Sets the limit of this process and of what it starts, which must not be above the hard limit.
    static func set(_ count: Int) -> Int32 {
        stored.withLock { stored in
            let limit = UInt64(clamping: count)
            let result = cmitogen_set_open_files(limit, limit)
            if result == 0 { stored = Values(soft: min(stored?.soft ?? limit, limit), hard: limit) }
            return result
        }
    }

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
