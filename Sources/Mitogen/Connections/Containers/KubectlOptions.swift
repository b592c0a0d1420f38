//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

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

extension KubectlOptions {
    func request() throws(MitogenError) -> ConnectionRequest {
        if let namespace { try ContainerName.check(namespace, "the name of a namespace") }
        if let container { try ContainerName.check(container, "the name of a container") }
        let selection = kubectlArguments + (namespace.map { ["-n", $0] } ?? [])
        let containerSelection = container.map { ["-c", $0] } ?? []
        // A pod's name alone says little: the arguments that select it stand behind it, as Python shows a list.
        let words = (selection + containerSelection).map { "'\($0)'" }
        return try request(
            into: ContainerTarget(.kubectl, pod),
            // Mitogen also asks for a terminal, gets none as its input is a pipe, and a warning.
            [kubectlPath] + selection + ["exec", "-i", pod] + containerSelection + ["--"],
            defaultName: "kubectl.\(pod)[\(words.joined(separator: ", "))]"
        ) { tool in
            // A cluster is elsewhere.
            tool.compressesImage = true
        }
    }
}
