//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

#if Metrics
    extension ConnectionRequest {
        /// The method's name in metrics: contexts are called after it, as in `ssh.web1`.
        var methodName: String { String(defaultName.prefix { $0 != "." }) }
    }
#endif
