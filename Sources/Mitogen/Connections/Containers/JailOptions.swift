//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

extension ConnectionMethod {
    /// The options of ``Router/jail(container:via:_:)`` (Mitogen semantics, section 7.10).
    public struct JailOptions: ContextOptions {
        public var common = CommonOptions()
        /// The name or the number of a running jail.
        public let container: String
        /// The user to be, of those that the jail knows; root by default.
        public var username: String?
        /// The jexec program; `/usr/sbin/jexec` by default.
        public var jexecPath = "/usr/sbin/jexec"

        public init(container: String) {
            self.container = container
        }
    }
}

extension ConnectionMethod.JailOptions {
    package func request() throws(MitogenError) -> ConnectionRequest {
        try request(
            into: ContainerTarget(.jail, container, username: username),
            [jexecPath] + (username.map { ["-U", $0] } ?? []) + [container]
        )
    }
}
