//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform

/// Waits for descriptors by poll(2), which is everywhere. It looks at every descriptor each time.
package struct PollPoller: Poller, ~Copyable {
    private var watches: [cmitogen_watch] = []
    private var tokens: [UInt64] = []
    private var found: [UInt32] = []

    package init() {}

    package mutating func set(
        _ interest: Broker.Readiness,
        for descriptor: Int32,
        token: UInt64
    ) throws(MitogenError) {
        if let index = watches.firstIndex(where: { $0.fd == descriptor }) {
            watches[index].readiness = interest.rawValue
            tokens[index] = token
        } else {
            watches.append(cmitogen_watch(fd: descriptor, readiness: interest.rawValue))
            tokens.append(token)
            found.append(0)
        }
    }

    package mutating func remove(_ descriptor: Int32) {
        guard let index = watches.firstIndex(where: { $0.fd == descriptor }) else { return }
        watches.remove(at: index)
        tokens.remove(at: index)
        found.removeLast()
    }

    package mutating func wait(nanoseconds: Int64?, _ body: (UInt64, Broker.Readiness) -> Void) {
        guard cmitogen_poll(watches, &found, Int32(watches.count), nanoseconds ?? -1) > 0 else { return }
        for index in found.indices where found[index] != 0 {
            body(tokens[index], Broker.Readiness(rawValue: found[index]))
        }
    }
}
