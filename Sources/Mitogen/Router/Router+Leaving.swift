//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
internal import Synchronization

extension Router {
    /// Closes the streams to the children, each of which then ends by itself.
    func closeChildren() {
        let streams = core.withLock { core in core.children.keys.compactMap { core.streams[$0] } }
        for stream in streams { stream.close(reason: "this context has lost its parent") }
    }

    /// The parent has agreed to let go: what still waits to be written is written, for at most a second, then the
    /// stream is closed (Mitogen semantics, section 5.8).
    func detachFromParent() async {
        let stream = core.withLock { core in
            core.isDetached = true
            return core.state.table.parentLink.flatMap { core.streams[$0] }
        }
        for _ in 0..<20 where (stream?.pendingBytes ?? 0) > 0 {
            try? await Task.sleep(for: .milliseconds(50))
        }
        stream?.close(reason: "detached")
        core.withLock { $0.state.table.detach() }
        loseUnreachable(reason: "detached")
        logger.info("Detachment complete")
    }

    /// The way to the parent is gone, and this context goes on: whatever is waited for from those who were reached through
    /// it does not come any more.
    func loseUnreachable(reason: String) {
        let lost = core.withLock { core in
            let known = core.state.handles.respondents.union(core.contexts.keys).union(core.openChannels.keys)
            return known.filter { $0 != core.state.table.contextID && !core.state.table.hasRoute(to: $0) }
        }
        for id in lost { lose(id, reason: reason, stopsWork: false) }
    }
}
