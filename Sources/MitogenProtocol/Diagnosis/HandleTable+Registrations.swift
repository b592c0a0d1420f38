//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension HandleTable {
    /// One entry, for those who look into a running program.
    package struct Registration: Sendable {
        package let handle: Handle
        package let policyName: String
        package let respondent: ContextID?
        package let request: Request?
        package let handler: Handler
    }

    /// What is registered, by handle.
    package var registrations: [Registration] {
        entries.pairs.sorted { $0.key < $1.key }.map { handle, entry in
            Registration(
                handle: handle,
                policyName: entry.policy.name,
                respondent: entry.respondent,
                request: entry.request,
                handler: entry.handler
            )
        }
    }
}

extension HandlePolicy {
    fileprivate var name: String {
        switch self {
        case .anyone: "anyone"
        case .parents: "parents"
        case .immediatePeer: "immediatePeer"
        case .custom: "custom"
        }
    }
}

extension RoutingTable {
    /// The contexts that a route is known to, each with the context at the other end of the stream that leads there,
    /// by number.
    package var knownRoutes: [(id: ContextID, next: ContextID)] {
        routes.pairs.sorted { $0.key < $1.key }.compactMap { id, link in
            links[link].map { (id, $0.remoteID) }
        }
    }
}
