//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension Duration {
    /// A number of seconds from outside; nil if it is no number, negative, or more than any limit makes sense for.
    package init?(checkedSeconds seconds: Double) {
        guard seconds >= 0, seconds < 1e9 else { return nil }
        self = .seconds(seconds)
    }

    /// In whole seconds, for what knows no parts of them.
    var roundedUpToSeconds: Int64 { components.seconds + (components.attoseconds > 0 ? 1 : 0) }
}
