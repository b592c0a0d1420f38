//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

extension ConnectionMethod {
    /// The options of ``Router/lxd(container:via:_:)`` (Mitogen semantics, section 7.11).
    public struct LXDOptions: ContextOptions {
        public var common = CommonOptions()
        /// The name of a running container or virtual machine, with its remote if it is not the default: `remote:name`.
        public let container: String
        /// LXD's client; `lxc` by default, looked for in `PATH`.
        public var lxcPath = "lxc"

        public init(container: String) {
            self.container = container
        }
    }
}

extension ConnectionMethod.LXDOptions {
    package func request() throws(MitogenError) -> ConnectionRequest {
        // Otherwise it makes a terminal of its own, through which no large input gets, if it sees one anywhere.
        try request(
            into: ContainerTarget(.lxd, container),
            [lxcPath, "exec", "--mode=non-interactive", container, "--"]
        )
    }
}
