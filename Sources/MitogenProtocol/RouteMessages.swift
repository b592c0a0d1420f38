//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What `ADD_ROUTE` and `DEL_ROUTE` carry (Mitogen wire protocol, section 1.7).
package struct RouteAnnouncement: Sendable, Hashable {
    package let id: ContextID
    package let name: String

    package init(id: ContextID, name: String = "") {
        self.id = id
        self.name = name
    }

    /// `id [":" name]`; nil if it is not that.
    package init?(parsing data: [UInt8]) {
        let digits = data.prefix { $0 != UInt8(ascii: ":") }
        guard digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let id = ContextID(String(decoding: digits, as: UTF8.self))
        else { return nil }
        self.init(id: id, name: String(decoding: data.dropFirst(digits.count + 1), as: UTF8.self))
    }

    package var added: Message {
        Message(handle: StandardHandle.addRoute, data: Array("\(id):\(name)".utf8))
    }

    package var deleted: Message {
        Message(handle: StandardHandle.deleteRoute, data: Array("\(id)".utf8))
    }
}

/// What `ROUTE_INFO` carries: a context and what it understands.
package struct RouteInfo: Sendable, Hashable, Codable {
    package let id: ContextID
    package let revision: Int
    package let capabilities: UInt32

    package init(id: ContextID, info: PeerInfo) {
        self.id = id
        revision = info.revision
        capabilities = info.capabilities
    }

    package var info: PeerInfo { PeerInfo(revision: revision, capabilities: capabilities) }
}

/// What `ROUTE_LOST` carries: a context and why it is gone.
package struct RouteLoss: Sendable, Hashable, Codable {
    package let id: ContextID
    package let reason: String

    /// - Parameter reason: Cut to 4,000 bytes.
    package init(id: ContextID, reason: String) {
        self.id = id
        self.reason = ForwardedLog.cut(reason, to: 4000)
    }
}
