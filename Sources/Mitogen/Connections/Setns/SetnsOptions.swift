//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

extension ConnectionMethod.SetnsOptions {
    /// What manages a container that ``Router/setns(container:kind:via:_:)`` enters.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        case docker
        case podman
        /// Classic LXC.
        case lxc
        case lxd
        case incus
        /// What `systemd-machined` knows, such as containers of systemd-nspawn.
        case machinectl

        var tool: ContainerTool {
            switch self {
            case .docker: .docker
            case .podman: .podman
            case .lxc: .lxc
            case .lxd: .lxd
            case .incus: .incus
            case .machinectl: .machinectl
            }
        }
    }
}

extension ConnectionMethod {
    /// The options of ``Router/setns(container:kind:via:_:)`` (Mitogen semantics, section 7.12).
    public struct SetnsOptions: ContextOptions {
        public var common = CommonOptions()
        /// The name or the number of a running container.
        public let container: String
        /// What manages it.
        public let kind: ConnectionMethod.SetnsOptions.Kind
        /// The user to be, as a name of the container's `/etc/passwd` or a number; `root` by default.
        public var username = "root"
        /// The group to have, as a name of the container's `/etc/group` or a number; by default the user's own.
        public var group: String?
        /// The program that tells the container's first process, if it is not the usual one of its kind, looked for in
        /// `PATH`: `docker`, `podman`, `lxc-info`, `lxc`, `incus` or `machinectl`.
        public var toolPath: String?

        public init(container: String, kind: ConnectionMethod.SetnsOptions.Kind) {
            self.container = container
            self.kind = kind
        }

        /// - Throws: ``MitogenError`` with `.misuse` for options that make no sense.
        package func request() throws(MitogenError) -> ConnectionRequest {
            try ContainerName.check(container, "the name of a container")
            try ContainerName.check(username, "the name of a user")
            if let group { try ContainerName.check(group, "the name of a group") }
            if kind == .lxd || kind == .incus, !container.hasPrefix("local:"),
                container.utf8.contains(UInt8(ascii: ":"))
            {
                throw MitogenError(
                    .misuse,
                    "\(container) is on another machine",
                    hint: "use the method `\(kind.rawValue)`"
                )
            }
            if toolPath?.isEmpty ?? false { throw MitogenError(.misuse, "toolPath is empty") }
            let target = NamespaceTarget(
                container: ContainerTarget(kind.tool, container, username: username),
                username: username,
                group: group,
                toolPath: toolPath
            )
            return try ConnectionRequest(common, "setns.\(container)", .namespaces(target))
        }
    }
}

extension Router {
    /// Starts a context in a running container by entering its namespaces, without its engine and without a shell
    /// (Mitogen semantics, section 7.12).
    ///
    /// ```swift
    /// let app = try await router.setns(container: "app", kind: .docker, via: root)
    /// ```
    ///
    /// Nothing has to be in the container, not even `sh` or a folder that can be written to: the program is executed
    /// from memory. The engine's tool only tells which process is the container's first one. Linux lets only root do
    /// this, and the context is less confined than what else runs there: it has root's capabilities unless another user
    /// is named, and it stays in the control groups of its parent.
    ///
    /// - Parameters:
    ///   - container: The container's name.
    ///   - kind: What manages it.
    ///   - via: The context to start from, which must run as root; this one by default.
    ///   - configure: Sets options.
    /// - Returns: The context, ready to be called.
    /// - Throws: ``MitogenError``, after which no process is left: `.notPermitted` without root's rights,
    ///   `.noSuchContainer`, `.containerNotRunning`, `.unknownUser`, `.engineUnavailable`, `.misuse` for a virtual
    ///   machine, `.imageUnusable`, `.spawnError`, `.eofError`, `.timeoutError`, and `.cancelled` if the calling task
    ///   is.
    public func setns(
        container: String,
        kind: ConnectionMethod.SetnsOptions.Kind,
        via: Context? = nil,
        _ configure: (inout ConnectionMethod.SetnsOptions) -> Void = { _ in }
    ) async throws(MitogenError) -> Context {
        var options = ConnectionMethod.SetnsOptions(container: container, kind: kind)
        configure(&options)
        return try await connect(options.request(), from: via)
    }
}
