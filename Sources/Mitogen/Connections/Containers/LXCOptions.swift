//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

extension ConnectionMethod {
    /// The options of ``Router/lxc(container:via:_:)`` (Mitogen semantics, section 7.11).
    public struct LXCOptions: ContextOptions {
        public var common = CommonOptions()
        /// The name of a running container.
        public let container: String
        /// The lxc-attach program; `lxc-attach` by default, looked for in `PATH`.
        public var lxcAttachPath = "lxc-attach"

        public init(container: String) {
            self.container = container
        }
    }
}

extension ConnectionMethod.LXCOptions {
    package func request() throws(MitogenError) -> ConnectionRequest {
        try request(
            into: ContainerTarget(.lxc, container),
            [lxcAttachPath, "--clear-env", "--name", container, "--"]
        )
    }
}
