//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Synchronization

extension Context {
    /// The context at the other end of the stream that messages to this one take; nil if there is none.
    package var nextHop: Context? {
        guard let router else { return nil }
        let next = router.core.withLock { core in
            core.state.table.link(for: self.id).flatMap(core.state.table.remoteID(of:))
        }
        return next.flatMap { router.context(id: $0) }
    }
}
