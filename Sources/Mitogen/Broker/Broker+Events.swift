//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension Broker {
    /// Something that happened to a Broker.
    public enum Event: Sendable, Hashable {
        /// Its loop has ended, and nothing is stopped yet.
        case beforeShutdown
        /// The Broker stops its streams and listeners.
        case shutdown
        /// Its thread does nothing more.
        case exit
    }

    /// The events of this Broker: those so far, then the rest as they happen. The sequence ends with
    /// ``Event/exit``.
    public var events: AsyncStream<Broker.Event> {
        AsyncStream { continuation in
            whenShutDown(before: { continuation.yield(.beforeShutdown) }) { [self] in
                continuation.yield(.shutdown)
                // Only now, so that it is told last also to one who asks at the very end.
                whenEnded {
                    continuation.yield(.exit)
                    continuation.finish()
                }
            }
        }
    }
}
