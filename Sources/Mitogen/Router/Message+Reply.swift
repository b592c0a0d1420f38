//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import MitogenProtocol

extension Message {
    /// Sends a value back to whoever wants the answer to this message; nothing if nobody does.
    ///
    /// - Parameters:
    ///   - value: The answer.
    ///   - router: The router that the message came to.
    /// - Throws: ``MitogenError`` with `.unencodable` if the value cannot be encoded.
    public func reply(_ value: some Encodable, through router: Router) throws(MitogenError) {
        router.reply(to: self, with: try .pickled(value))
    }

    /// Sends a ready message back, such as a dead one; nothing if nobody wants an answer. Its destination and handle
    /// are filled in.
    public func reply(with message: Message, through router: Router) {
        router.reply(to: self, with: message)
    }

    /// Whether the message comes with the authority of this context or one of its ancestors, which is what every
    /// privileged handle asks for (Mitogen wire protocol, section 1.4).
    public func hasParentAuthority(in router: Router) -> Bool {
        authID == router.contextID || router.parentIDs.contains(authID)
    }
}
