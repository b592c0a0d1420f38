//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol

/// What stands behind the handles of these tests.
final class NamedHandler: Sendable {
    let name: String

    init(_ name: String) {
        self.name = name
    }
}

extension HandleTable {
    mutating func add(
        _ name: String,
        at handle: Handle? = nil,
        persists: Bool = true,
        policy: HandlePolicy = .anyone,
        respondent: ContextID? = nil,
        overwrites: Bool = false
    ) -> Handle? {
        add(
            NamedHandler(name),
            at: handle,
            persists: persists,
            policy: policy,
            respondent: respondent,
            overwrites: overwrites
        )
    }
}

/// The name of a handler that a test has added.
func name(of handler: HandleTable.Handler?) -> String? {
    (handler as? NamedHandler)?.name
}
