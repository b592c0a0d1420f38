//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The number of one context in a tree: the master is 0 and hands out the others, which are never used again.
public typealias ContextID = UInt32

/// A port inside a context (Mitogen wire protocol, section 1.7). Below 1,000 the number is reserved.
public typealias Handle = UInt32

/// The reserved handles, in one table (Mitogen wire protocol, section 1.7; from 200 on: this implementation's own).
///
/// The own ones are only ever used towards peers that are known to understand them (see `PeerInfo`).
public enum StandardHandle {
    public static let getModule: Handle = 100
    public static let callFunction: Handle = 101
    public static let forwardLog: Handle = 102
    public static let addRoute: Handle = 103
    public static let deleteRoute: Handle = 104
    public static let allocateID: Handle = 105
    public static let shutdown: Handle = 106
    public static let loadModule: Handle = 107
    public static let forwardModule: Handle = 108
    public static let detaching: Handle = 109
    public static let callService: Handle = 110
    public static let stubCallService: Handle = 111
    public static let getResource: Handle = 112
    public static let loadResource: Handle = 113

    /// Parent to new child, first frame: its configuration.
    public static let configure: Handle = 200
    /// New child to parent, first frame: what it is.
    public static let ready: Handle = 201
    /// Follows `addRoute`: what the new context understands.
    public static let routeInfo: Handle = 202
    /// Precedes `deleteRoute`: why the context is gone.
    public static let routeLost: Handle = 203
    /// Caller to callee: the call with this reply handle is no longer wanted.
    public static let cancelCall: Handle = 204
    /// Caller to callee: input of a running program.
    public static let processInput: Handle = 205
    /// Sender to the receiver's context: whether the receiver at a handle gives credit.
    public static let openChannel: Handle = 206
    /// A piece of a message that is too large to travel at once.
    public static let messagePart: Handle = 207
    /// Parent to child, towards a context that gets a block of ids: whose they are.
    public static let blockOwner: Handle = 208
    /// Whether a peer is still there, which it says by an answer.
    public static let keepAlive: Handle = 209
    /// Attached program to listener: what it understands. The answer is what the listener and its contexts do.
    public static let attach: Handle = 210
    /// Router to its fork server, first frame: what it runs before it forks.
    public static let forkServer: Handle = 211
    /// Caller to callee: room for output of a running program.
    public static let outputCredit: Handle = 212

    /// How many bytes a message to a handle of the library's own may have; nil for a handle that takes any size. What
    /// these carry is small, and is decoded on the Broker's thread.
    static func sizeLimit(of handle: Handle) -> Int? {
        switch handle {
        case addRoute, deleteRoute, allocateID, shutdown, detaching: 4 << 10
        case getModule, forwardModule, getResource: 4 << 10
        case ready, routeInfo, routeLost, cancelCall, openChannel, blockOwner, keepAlive, attach, outputCredit: 8 << 10
        case processInput: 256 << 10
        // Programs of other languages may log long texts.
        case forwardLog: 1 << 20
        default: nil
        }
    }

    /// In `reply_to`: the message says that something is not possible or over (section 1.5).
    public static let isDead: Handle = 999
    /// The first handle that a router hands out.
    public static let firstFree: Handle = 1000
}

/// What a context understands beyond the common protocol, announced with its route.
///
/// A context that announced nothing is treated like the Python implementation.
package struct PeerInfo: Sendable, Hashable {
    /// Counts changes of this implementation's own messages.
    package var revision: Int
    /// One bit for each ability.
    package var capabilities: UInt32

    /// What this build announces.
    package static let current = PeerInfo(
        revision: 1,
        capabilities: cancellation | binaryBytes | callOptions | flowControl | messageParts | logCredit
            | blockOwners | keepAlive
    )

    /// Cancelling calls.
    package static let cancellation: UInt32 = 1
    /// Bytes as they are.
    package static let binaryBytes: UInt32 = 2
    /// A seventh item of a call: what it says besides function and arguments.
    package static let callOptions: UInt32 = 4
    /// Its receivers give credit.
    package static let flowControl: UInt32 = 8
    /// It puts messages together that were cut into parts.
    package static let messageParts: UInt32 = 16
    /// As a master: answers log records that ask for it, so that contexts know how much is under way.
    package static let logCredit: UInt32 = 32
    /// Says, or passes on, whose ids are in a block.
    package static let blockOwners: UInt32 = 64
    /// Answers the question whether it is still there.
    package static let keepAlive: UInt32 = 128

    package init(revision: Int, capabilities: UInt32) {
        self.revision = revision
        self.capabilities = capabilities
    }

    package func has(_ capability: UInt32) -> Bool {
        capabilities & capability == capability
    }
}
