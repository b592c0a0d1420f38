//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

/// Where in a tree a process is.
enum ProcessPlace {
    /// It is to become a context, or is a fork server: the program's own code runs before there is a router.
    case beginning(ContextID, parentIDs: [ContextID])
    case context(Router)

    var isMaster: Bool {
        if case .context(let router) = self { router.isMaster } else { false }
    }

    var contextID: ContextID {
        switch self {
        case .beginning(let id, _): id
        case .context(let router): router.contextID
        }
    }

    var parentID: ContextID? {
        switch self {
        case .beginning(_, let parentIDs): parentIDs.first
        case .context(let router): router.parentID
        }
    }

    var parentIDs: [ContextID] {
        switch self {
        case .beginning(_, let parentIDs): parentIDs
        case .context(let router): router.parentIDs
        }
    }
}
