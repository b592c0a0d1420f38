//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Something that happened to a Broker.
public enum BrokerEvent: Sendable, Hashable {
    /// Its loop has ended, and nothing is stopped yet.
    case beforeShutdown
    /// The Broker stops its streams and listeners.
    case shutdown
    /// Its thread has nothing left to do.
    case exit
}

extension Broker {
    /// What happens to this Broker, from now on. The sequence ends with ``BrokerEvent/exit``. A Broker that has ended tells
    /// all of it at once.
    public var events: AsyncStream<BrokerEvent> {
        AsyncStream { continuation in
            beforeShutdown { continuation.yield(.beforeShutdown) }
            onShutdown { continuation.yield(.shutdown) }
            onExit {
                continuation.yield(.exit)
                continuation.finish()
            }
        }
    }
}
