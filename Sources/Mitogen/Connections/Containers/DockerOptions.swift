//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

/// The options of ``Router/docker(container:via:_:)`` and ``Router/docker(image:via:_:)`` (Mitogen semantics, section
/// 7.7).
public struct DockerOptions: ContextOptions {
    public var common = CommonOptions()
    /// The name or the number of a running container; nil if a temporary one is made.
    public let container: String?
    /// The image of a temporary container; nil if there is a running one.
    public let image: String?
    /// The user to be in the container, as `name`, number, or with `:group`; by default what the container says.
    public var username: String?
    /// The docker program; `docker` by default, looked for in `PATH`.
    public var dockerPath = "docker"
    /// More arguments for docker itself, such as `["--context", "web"]`; they stand before `exec` or `run`.
    public var dockerArguments: [String] = []
    /// More arguments for `docker run`, such as `["--network", "none"]`; they are only used with an image.
    public var runArguments: [String] = []

    public init(container: String) {
        self.container = container
        image = nil
    }

    public init(image: String) {
        self.image = image
        container = nil
    }
}

extension DockerOptions: ContainerOptions {
    var target: ContainerTarget {
        ContainerTarget(.docker, container ?? image ?? "", username: username, isImage: container == nil)
    }

    private var user: [String] { username.map { ["--user=\($0)"] } ?? [] }

    func arguments(command: [String]) -> [String] {
        [dockerPath] + dockerArguments + ["exec", "--interactive"] + user + [target.name] + command
    }

    /// The command line that makes a container and runs `command` in it, whatever the image runs by default.
    func arguments(command: [String], in newContainer: String) -> [String] {
        [dockerPath] + dockerArguments + ["run", "--interactive"] + user
            + ["--rm", "--name=\(newContainer)", "--entrypoint=\(command[0])"] + runArguments + [target.name]
            + command.dropFirst()
    }

    func plan(for stage: FirstStage) -> ConnectionPlan {
        let command = stage.arguments
        guard container == nil else {
            var plan = ConnectionPlan(arguments: arguments(command: command), container: target)
            let copy = ProgramCopy(stage: stage, engine: [dockerPath] + dockerArguments, container: target)
            plan.copy = copy
            return plan
        }
        let name = "mitogen-\(stage.random)"
        var plan = ConnectionPlan(arguments: arguments(command: command, in: name), container: target)
        plan.cleanUp = [dockerPath] + dockerArguments + ["rm", "--force", name]
        return plan
    }
}
