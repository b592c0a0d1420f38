//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

extension ConnectionMethod {
    /// The options of ``Router/kubectl(pod:via:_:)`` (Mitogen semantics, section 7.9).
    public struct KubectlOptions: ContextOptions {
        public var common = CommonOptions()
        /// The pod's name, or what kubectl takes for one, such as `deployment/web`.
        public let pod: String
        /// The pod's namespace; by default that of kubectl's configuration.
        public var namespace: String?
        /// The container of the pod; by default the one that kubectl chooses.
        public var container: String?
        /// The kubectl program; `kubectl` by default, looked for in `PATH`.
        public var kubectlPath = "kubectl"
        /// More arguments for kubectl itself, such as `["--context", "web"]`; they stand before `exec`.
        public var kubectlArguments: [String] = []

        public init(pod: String) {
            self.pod = pod
        }
    }
}

extension ConnectionMethod.KubectlOptions {
    /// kubectl with what selects the cluster and the namespace.
    private var selection: [String] { [kubectlPath] + kubectlArguments + (namespace.map { ["-n", $0] } ?? []) }

    /// The command that tells the pod's containers, for ``PodContainers``.
    package var containerQuery: [String] { selection + PodContainers.query(pod) }

    /// The container that kubectl takes if none is named, by what it answers to ``containerQuery``.
    package static func standardContainer(said lines: [String]) -> String? { PodContainers(said: lines)?.standard }

    package func request() throws(MitogenError) -> ConnectionRequest {
        if let namespace { try ContainerName.check(namespace, "the name of a namespace") }
        if let container { try ContainerName.check(container, "the name of a container") }
        var target = ContainerTarget(.kubectl, pod)
        target.namespace = namespace
        target.podContainer = container
        if container != nil { target.containerQuery = containerQuery }
        return try request(
            into: target,
            // Mitogen also asks for a terminal, gets none as its input is a pipe, and a warning.
            selection + ["exec", "-i", pod] + (container.map { ["-c", $0] } ?? []) + ["--"],
            // As it is written in a target of the tool.
            defaultName: "kubectl:\(target.podPath)"
        ) { tool in
            // A cluster is elsewhere.
            tool.compressesImage = true
        }
    }
}
