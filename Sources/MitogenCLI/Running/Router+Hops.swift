//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen

extension Router {
    /// Makes one hop of a target.
    ///
    /// - Parameter via: Where the hop starts; nil for this process.
    func connect(_ hop: Hop, via: Context?) async throws(MitogenError) -> Context {
        switch hop.kind {
        case HopKind.local.name:
            return try await self.local(via: via) { options in
                guard let name = hop.argument else { return }
                options.name = name
                options.remoteName = name
            }
        default:
            // The parser knows no other kind; a new one needs its case here.
            throw MitogenError(.misuse, "'\(hop.kind)' is not a kind of hop")
        }
    }
}
