//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

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

extension PodmanOptions: ContainerOptions {
    var target: ContainerTarget { ContainerTarget(.podman, container, username: username) }

    func arguments(command: [String]) -> [String] {
        [podmanPath] + podmanArguments + ["exec"] + (username.map { ["--user=\($0)"] } ?? [])
            + ["--interactive", "--", container] + command
    }

    func plan(for stage: FirstStage) -> ConnectionPlan {
        var plan = ConnectionPlan(arguments: arguments(command: stage.arguments), container: target)
        plan.copy = ProgramCopy(stage: stage, engine: [podmanPath] + podmanArguments, container: target)
        return plan
    }
}
