//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Which system call a Broker waits with.
package enum PollerKind: Sendable {
    /// epoll(7), or poll(2) where the kernel or a sandbox does not let it be used, or `MITOGEN_POLLER=poll` is set.
    case best
    case poll
}

/// The poller of a Broker: epoll, or else poll.
struct SystemPoller: Poller, ~Copyable {
    private var epoll: EpollPoller?
    private var poll = PollPoller()

    init(_ kind: PollerKind) {
        let isRefused = getenv("MITOGEN_POLLER").map { strcmp($0, "poll") == 0 } ?? false
        epoll = kind == .poll || isRefused ? nil : try? EpollPoller()
    }

    mutating func set(_ interest: Broker.Readiness, for descriptor: Int32, token: UInt64) throws(MitogenError) {
        guard epoll != nil else { return try poll.set(interest, for: descriptor, token: token) }
        try epoll?.set(interest, for: descriptor, token: token)
    }

    mutating func remove(_ descriptor: Int32) {
        guard epoll != nil else { return poll.remove(descriptor) }
        epoll?.remove(descriptor)
    }

    mutating func wait(nanoseconds: Int64?, _ body: (UInt64, Broker.Readiness) -> Void) {
        guard epoll != nil else { return poll.wait(nanoseconds: nanoseconds, body) }
        epoll?.wait(nanoseconds: nanoseconds, body)
    }
}
