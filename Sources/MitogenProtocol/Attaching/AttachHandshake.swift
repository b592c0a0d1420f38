//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What an attaching program and a listener say to each other before the first frame (Mitogen semantics, section 8.5):
/// big-endian numbers of 32 bits, the same as in the Python implementation.
package enum AttachHandshake {
    /// The first bytes of a client: its process id.
    package static let requestSize = 4
    /// The answer: the client's new context id, the listener's context id, the listener's process id.
    package static let answerSize = 12

    package struct Answer: Sendable, Hashable {
        package let contextID: ContextID
        package let listenerID: ContextID
        package let processID: UInt32

        package init(contextID: ContextID, listenerID: ContextID, processID: UInt32) {
            self.contextID = contextID
            self.listenerID = listenerID
            self.processID = processID
        }

        package var bytes: [UInt8] {
            AttachHandshake.bytes(of: contextID) + AttachHandshake.bytes(of: listenerID)
                + AttachHandshake.bytes(of: processID)
        }

        /// - Returns: Nil for an answer that cannot be meant: a client is never the master, nor the listener itself.
        package init?(bytes: [UInt8]) {
            guard bytes.count == answerSize else { return nil }
            contextID = AttachHandshake.number(in: bytes[0..<4])
            listenerID = AttachHandshake.number(in: bytes[4..<8])
            processID = AttachHandshake.number(in: bytes[8..<12])
            guard contextID != 0, contextID != listenerID else { return nil }
        }
    }

    /// Collects an exact number of bytes: what comes after them belongs to the frames, and is not to be read.
    package struct Intake: Sendable {
        package enum Step: Sendable, Hashable {
            /// So many bytes are to be read next, at most.
            case read(Int)
            case complete([UInt8])
            case failed(String)
        }

        private let size: Int
        private var bytes: [UInt8] = []

        package init(size: Int) {
            self.size = size
        }

        package var next: Step {
            bytes.count == size ? .complete(bytes) : .read(size - bytes.count)
        }

        /// Takes the result of a read; an empty one is the end of the connection.
        package mutating func receive(_ piece: some Collection<UInt8>) -> Step {
            guard !piece.isEmpty else { return .failed("the peer closed the connection during the handshake") }
            guard piece.count <= size - bytes.count else { return .failed("more was read than was asked for") }
            bytes += piece
            return next
        }
    }

    package static func bytes(of number: UInt32) -> [UInt8] {
        [UInt8(number >> 24), UInt8(number >> 16 & 255), UInt8(number >> 8 & 255), UInt8(number & 255)]
    }

    private static func number(in bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.reduce(0) { $0 << 8 | UInt32($1) }
    }
}

/// A context as the listener tells a client of it.
package struct AttachedContext: Sendable, Hashable, Codable {
    package let id: ContextID
    package let name: String?
    package let revision: Int
    package let capabilities: UInt32
    /// The context that has connected it; nil if that is the listener.
    package let via: ContextID?

    package init(id: ContextID, name: String?, info: PeerInfo?, via: ContextID? = nil) {
        self.id = id
        self.name = name
        self.via = via
        revision = info?.revision ?? 0
        capabilities = info?.capabilities ?? 0
    }

    /// Nil for a context of another implementation.
    package var info: PeerInfo? {
        revision > 0 ? PeerInfo(revision: revision, capabilities: capabilities) : nil
    }
}
