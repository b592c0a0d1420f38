//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Synchronization

extension Broker {
    /// One descriptor that a ``Broker`` watches.
    ///
    /// The side owns its descriptor: ``Broker/close(_:)`` closes it, on the Broker's thread, after the poller has let
    /// go of it.
    public final class Side: Sendable {
        /// The file descriptor.
        public let descriptor: Int32
        /// Whether a Broker that shuts down waits for this side to end (Mitogen semantics, section 6.7).
        public let keepsAlive: Bool
        /// Called on the Broker's thread whenever the descriptor is ready. It must not block.
        /// The second argument is memory of the Broker's to read into, which is valid during the call.
        let whenReady: @Sendable (Broker.Readiness, UnsafeMutableRawBufferPointer) -> Void
        /// Set by the loop: the descriptor's number may be another one's by now.
        let isClosed = Atomic<Bool>(false)

        /// Makes a side for a descriptor from 3 up.
        ///
        /// - Parameters:
        ///   - descriptor: An open descriptor; it becomes the side's own.
        ///   - keepsAlive: Whether a Broker that shuts down waits for it; true by default.
        ///   - whenReady: Called on the Broker's thread. It must not block.
        public convenience init(
            descriptor: Int32,
            keepsAlive: Bool = true,
            whenReady: @escaping @Sendable (Broker.Readiness) -> Void
        ) {
            self.init(descriptor: descriptor, keepsAlive: keepsAlive) { readiness, _ in whenReady(readiness) }
        }

        package init(
            descriptor: Int32,
            keepsAlive: Bool,
            whenReady: @escaping @Sendable (Broker.Readiness, UnsafeMutableRawBufferPointer) -> Void
        ) {
            precondition(descriptor > 2, "descriptors 0, 1 and 2 belong to the program")
            self.descriptor = descriptor
            self.keepsAlive = keepsAlive
            self.whenReady = whenReady
        }
    }
}
