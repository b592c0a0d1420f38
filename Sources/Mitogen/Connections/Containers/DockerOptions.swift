//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

extension ConnectionMethod {
    /// The options of ``Router/docker(container:via:_:)`` and ``Router/docker(image:via:_:)`` (Mitogen semantics,
    /// section 7.7).
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
}

extension ConnectionMethod.DockerOptions {
    package func request() throws(MitogenError) -> ConnectionRequest {
        let engine = [dockerPath] + dockerArguments
        let user = username.map { ["--user=\($0)"] } ?? []
        let target = ContainerTarget(.docker, container ?? image ?? "", username: username, isImage: container == nil)
        guard target.isImage else {
            return try request(into: target, engine + ["exec", "--interactive"] + user + [target.name]) { tool in
                tool.copy = .byEngine(engine, target, hasProgram: executable != nil)
            }
        }
        // Whatever the image runs by default, it runs the first stage now.
        let name = "mitogen-\(CommandTemplate.random)"
        let naming = ["--rm", "--name=\(name)", "--entrypoint=sh"]
        let command = engine + ["run", "--interactive"] + user + naming + runArguments + [target.name]
        return try request(into: target, command) { tool in
            tool.command.form = .wordsAfterShell
            tool.cleanUp = CommandTemplate(engine + ["rm", "--force", "--volumes", name], .nothing)
            tool.copy = .byEngine(engine, image: target.name, user + runArguments, hasProgram: executable != nil)
        }
    }
}
