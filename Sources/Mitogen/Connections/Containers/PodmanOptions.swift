//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

extension ConnectionMethod {
    /// The options of ``Router/podman(container:via:_:)`` (Mitogen semantics, section 7.8).
    public struct PodmanOptions: ContextOptions {
        public var common = CommonOptions()
        /// The name or the number of a running container.
        public let container: String
        /// The user to be in the container, as `name`, number, or with `:group`; by default what the container says.
        public var username: String?
        /// The podman program; `podman` by default, looked for in `PATH`.
        public var podmanPath = "podman"
        /// More arguments for podman itself, such as `["--remote"]`; they stand before `exec`.
        public var podmanArguments: [String] = []

        public init(container: String) {
            self.container = container
        }
    }
}

extension ConnectionMethod.PodmanOptions {
    package func request() throws(MitogenError) -> ConnectionRequest {
        let engine = [podmanPath] + podmanArguments
        let user = username.map { ["--user=\($0)"] } ?? []
        let target = ContainerTarget(.podman, container, username: username)
        return try request(into: target, engine + ["exec"] + user + ["--interactive", "--", container]) { tool in
            tool.copy = .byEngine(engine, target, hasProgram: executable != nil)
        }
    }
}
