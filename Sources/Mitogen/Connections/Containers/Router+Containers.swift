//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension Router {
    /// Starts a context in a running Docker container (Mitogen semantics, section 7.7).
    ///
    /// ```swift
    /// let app = try await router.docker(container: "app") { $0.username = "www-data" }
    /// ```
    ///
    /// Nothing has to be installed in the container but `sh`. Where there is not even that, docker copies the program
    /// into the root folder, from where it is removed as soon as it runs.
    ///
    /// - Parameters:
    ///   - container: The container's name or number.
    ///   - via: The context to start docker in; this one by default.
    ///   - configure: Sets options.
    /// - Returns: The context, ready to be called.
    /// - Throws: ``MitogenError``, after which no process is left: `.noSuchContainer`, `.containerNotRunning`,
    ///   `.unknownUser`, `.noShell`, `.engineUnavailable`, `.notPermitted`, `.toolTooOld`, `.spawnError`, `.eofError`,
    ///   `.timeoutError`, those of the first stage, and `.cancelled` if the calling task is.
    public func docker(
        container: String,
        via: Context? = nil,
        _ configure: (inout ConnectionMethod.DockerOptions) -> Void = { _ in }
    ) async throws(MitogenError) -> Context {
        var options = ConnectionMethod.DockerOptions(container: container)
        configure(&options)
        return try await connect(options.request(), from: via)
    }

    /// Starts a context in a new Docker container, which is removed when the context ends (Mitogen semantics, section
    /// 7.7).
    ///
    /// The container runs the context and nothing else, whatever the image runs by default. Docker fetches the image
    /// if it is not there, which counts towards ``CommonOptions/connectTimeout``. The container is also removed when
    /// the attempt fails, and when this program or docker's client is killed.
    ///
    /// - Parameters:
    ///   - image: The image's name, with a tag or a digest if it has one.
    ///   - via: The context to start docker in; this one by default.
    ///   - configure: Sets options.
    /// - Returns: The context, ready to be called.
    /// - Throws: ``MitogenError``: `.noSuchImage`, and as ``docker(container:via:_:)``.
    public func docker(
        image: String,
        via: Context? = nil,
        _ configure: (inout ConnectionMethod.DockerOptions) -> Void = { _ in }
    ) async throws(MitogenError) -> Context {
        var options = ConnectionMethod.DockerOptions(image: image)
        configure(&options)
        return try await connect(options.request(), from: via)
    }

    /// Starts a context in a running Podman container (Mitogen semantics, section 7.8); as
    /// ``docker(container:via:_:)`` otherwise.
    public func podman(
        container: String,
        via: Context? = nil,
        _ configure: (inout ConnectionMethod.PodmanOptions) -> Void = { _ in }
    ) async throws(MitogenError) -> Context {
        var options = ConnectionMethod.PodmanOptions(container: container)
        configure(&options)
        return try await connect(options.request(), from: via)
    }

    /// Starts a context in a working container of Buildah, to change it (Mitogen semantics, section 7.8); as
    /// ``docker(container:via:_:)`` otherwise, but the container needs `sh`.
    public func buildah(
        container: String,
        via: Context? = nil,
        _ configure: (inout ConnectionMethod.BuildahOptions) -> Void = { _ in }
    ) async throws(MitogenError) -> Context {
        var options = ConnectionMethod.BuildahOptions(container: container)
        configure(&options)
        return try await connect(options.request(), from: via)
    }

    /// Starts a context in a container of a Kubernetes pod (Mitogen semantics, section 7.9).
    ///
    /// ```swift
    /// let api = try await router.kubectl(pod: "api-0") { options in
    ///     options.namespace = "shop"
    ///     options.container = "server"
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - pod: The pod's name, or what kubectl takes for one, such as `deployment/web`.
    ///   - via: The context to start kubectl in; this one by default.
    ///   - configure: Sets options.
    /// - Returns: The context, ready to be called.
    /// - Throws: As ``docker(container:via:_:)``; the container needs `sh`.
    public func kubectl(
        pod: String,
        via: Context? = nil,
        _ configure: (inout ConnectionMethod.KubectlOptions) -> Void = { _ in }
    ) async throws(MitogenError) -> Context {
        var options = ConnectionMethod.KubectlOptions(pod: pod)
        configure(&options)
        return try await connect(options.request(), from: via)
    }

    /// Starts a context in a running container of classic LXC, by `lxc-attach` (Mitogen semantics, section 7.11); as
    /// ``docker(container:via:_:)`` otherwise, but the container needs `sh`.
    public func lxc(
        container: String,
        via: Context? = nil,
        _ configure: (inout ConnectionMethod.LXCOptions) -> Void = { _ in }
    ) async throws(MitogenError) -> Context {
        var options = ConnectionMethod.LXCOptions(container: container)
        configure(&options)
        return try await connect(options.request(), from: via)
    }

    /// Starts a context in a running instance of LXD, by `lxc exec` (Mitogen semantics, section 7.11); as
    /// ``docker(container:via:_:)`` otherwise, but the container needs `sh`.
    public func lxd(
        container: String,
        via: Context? = nil,
        _ configure: (inout ConnectionMethod.LXDOptions) -> Void = { _ in }
    ) async throws(MitogenError) -> Context {
        var options = ConnectionMethod.LXDOptions(container: container)
        configure(&options)
        return try await connect(options.request(), from: via)
    }

    /// Starts a context in a running instance of Incus, by `incus exec` (Mitogen semantics, section 7.11); as
    /// ``docker(container:via:_:)`` otherwise, but the container needs `sh`.
    public func incus(
        container: String,
        via: Context? = nil,
        _ configure: (inout ConnectionMethod.IncusOptions) -> Void = { _ in }
    ) async throws(MitogenError) -> Context {
        var options = ConnectionMethod.IncusOptions(container: container)
        configure(&options)
        return try await connect(options.request(), from: via)
    }

    /// Starts a context in a FreeBSD jail, by `jexec` (Mitogen semantics, section 7.10); as
    /// ``docker(container:via:_:)`` otherwise, but the jail needs `sh`. The program must be one for FreeBSD.
    public func jail(
        container: String,
        via: Context? = nil,
        _ configure: (inout ConnectionMethod.JailOptions) -> Void = { _ in }
    ) async throws(MitogenError) -> Context {
        var options = ConnectionMethod.JailOptions(container: container)
        configure(&options)
        return try await connect(options.request(), from: via)
    }
}
