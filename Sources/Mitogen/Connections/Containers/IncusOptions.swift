//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

extension ConnectionMethod {
    /// The options of ``Router/incus(container:via:_:)`` (Mitogen semantics, section 7.11).
    public struct IncusOptions: ContextOptions {
        public var common = CommonOptions()
        /// The name of a running container or virtual machine, with its remote if it is not the default: `remote:name`.
        public let container: String
        /// The incus program; `incus` by default, looked for in `PATH`.
        public var incusPath = "incus"

        public init(container: String) {
            self.container = container
        }
    }
}

extension ConnectionMethod.IncusOptions {
    package func request() throws(MitogenError) -> ConnectionRequest {
        try request(
            into: ContainerTarget(.incus, container),
            [incusPath, "exec", "--mode=non-interactive", container, "--"]
        )
    }
}
