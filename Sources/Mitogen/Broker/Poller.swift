//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform

extension Broker {
    /// What a descriptor is ready for, or is to be watched for.
    public struct Readiness: OptionSet, Sendable, Hashable {
        public let rawValue: UInt32

        public init(rawValue: UInt32) {
            self.rawValue = rawValue
        }

        public static let readable = Broker.Readiness(rawValue: UInt32(CMITOGEN_READABLE))
        public static let writable = Broker.Readiness(rawValue: UInt32(CMITOGEN_WRITABLE))
        /// The other side is gone. It is reported whether it was asked for or not.
        public static let hangup = Broker.Readiness(rawValue: UInt32(CMITOGEN_HANGUP))
    }
}

/// Waits for descriptors to become ready. Only the Broker's thread uses one.
package protocol Poller: ~Copyable {
    /// Sets what `descriptor` is watched for; with nothing it is still watched for a hang-up.
    mutating func set(_ interest: Broker.Readiness, for descriptor: Int32, token: UInt64) throws(MitogenError)
    mutating func remove(_ descriptor: Int32)
    /// Waits until something is ready, but at most `nanoseconds` (nil: for ever), and calls `body` for each.
    mutating func wait(nanoseconds: Int64?, _ body: (_ token: UInt64, Broker.Readiness) -> Void)
}

/// The poller on Linux's `epoll(7)`, level triggered.
package struct EpollPoller: Poller, ~Copyable {
    private let epoll: Int32
    private var known: Set<Int32> = []
    private let events: UnsafeMutableBufferPointer<cmitogen_event>

    package init() throws(MitogenError) {
        let descriptor = cmitogen_epoll_create()
        guard descriptor >= 0 else { throw .system("cannot create an epoll descriptor", errno: -descriptor) }
        epoll = descriptor
        events = .allocate(capacity: 128)
    }

    deinit {
        _ = systemClose(epoll)
        events.deallocate()
    }

    package mutating func set(
        _ interest: Broker.Readiness,
        for descriptor: Int32,
        token: UInt64
    ) throws(MitogenError) {
        let isNew = known.insert(descriptor).inserted
        let result = cmitogen_epoll_set(epoll, descriptor, token, interest.rawValue, isNew)
        guard result >= 0 else {
            if isNew { known.remove(descriptor) }
            throw .system("cannot watch descriptor \(descriptor)", errno: -result)
        }
    }

    package mutating func remove(_ descriptor: Int32) {
        guard known.remove(descriptor) != nil else { return }
        _ = cmitogen_epoll_remove(epoll, descriptor)
    }

    package mutating func wait(nanoseconds: Int64?, _ body: (UInt64, Broker.Readiness) -> Void) {
        let count = cmitogen_epoll_wait(epoll, events.baseAddress, Int32(events.count), nanoseconds ?? -1)
        for index in 0..<Int(max(0, count)) {
            body(events[index].token, Broker.Readiness(rawValue: events[index].readiness))
        }
    }
}
