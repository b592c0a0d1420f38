//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
public import MitogenProtocol

/// The name of a distributed actor in a tree of contexts.
///
/// It says where the actor lives, and has a part that nobody can guess: whoever was given an id may call the actor,
/// from anywhere in the tree that messages pass from, and nobody else may. So an id is passed on like a key.
public struct MitogenActorID: Hashable, Sendable, Codable {
    /// The context that the actor lives in.
    public let contextID: ContextID
    /// Where that context's actor system listens.
    let handle: Handle
    /// 32 random hexadecimal digits.
    let token: String

    init(contextID: ContextID, handle: Handle) {
        self.contextID = contextID
        self.handle = handle
        var generator = SystemRandomNumberGenerator()
        let digits = Array("0123456789abcdef")
        token = String((0..<32).map { _ in digits[Int.random(in: 0..<16, using: &generator)] })
    }
}

extension MitogenActorID: CustomStringConvertible {
    /// Where the actor lives, without the part that allows calling it: this goes into logs.
    public var description: String { "actor \(token.prefix(4))… of context \(contextID)" }
}
