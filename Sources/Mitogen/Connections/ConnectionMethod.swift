//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// A way to start a context, with its options, as a value: an inventory is an array of them.
///
/// ```swift
/// let hosts: [ConnectionMethod] = [.ssh("web1"), .ssh("web2") { $0.port = 2222 }, .docker(container: "app")]
/// for host in hosts { contexts.append(try await router.connect(host)) }
/// ```
public struct ConnectionMethod: Sendable {
    /// The options, such as ``ConnectionMethod/SSHOptions``.
    public let options: any ContextOptions
    let request: @Sendable () throws(MitogenError) -> ConnectionRequest

    init<Options: RequestingOptions>(_ options: Options, _ configure: (inout Options) -> Void) {
        var options = options
        configure(&options)
        self.options = options
        request = { [options] () throws(MitogenError) in try options.request() }
    }

    /// The same method with other options, which must be of the same type.
    ///
    /// - Parameter configure: Changes the options: `if var ssh = $0 as? ConnectionMethod.SSHOptions { ssh.port = 2222; $0 = ssh }`, or those
    ///   that all have, such as `$0.connectTimeout = .seconds(5)`.
    /// - Throws: ``MitogenError`` with `.misuse` for options of another type.
    public func configured(_ configure: (inout any ContextOptions) -> Void) throws(MitogenError) -> ConnectionMethod {
        var options = self.options
        configure(&options)
        guard type(of: options) == type(of: self.options), let known = options as? any RequestingOptions else {
            throw MitogenError(.misuse, "\(type(of: options)) are no options for what takes \(type(of: self.options))")
        }
        return Self.make(known)
    }

    private static func make<Options: RequestingOptions>(_ options: Options) -> ConnectionMethod {
        ConnectionMethod(options) { _ in }
    }

    /// Another process of this program, as ``Router/local(via:_:)``.
    public static func local(_ configure: (inout ConnectionMethod.LocalOptions) -> Void = { _ in }) -> Self {
        Self(ConnectionMethod.LocalOptions(), configure)
    }

    /// Another machine, as ``Router/ssh(_:via:_:)``.
    public static func ssh(_ hostname: String, _ configure: (inout ConnectionMethod.SSHOptions) -> Void = { _ in })
        -> Self
    {
        Self(ConnectionMethod.SSHOptions(hostname: hostname), configure)
    }

    /// Another user, as ``Router/sudo(via:_:)``.
    public static func sudo(_ configure: (inout ConnectionMethod.SudoOptions) -> Void = { _ in }) -> Self {
        Self(ConnectionMethod.SudoOptions(), configure)
    }

    /// Another user, as ``Router/su(via:_:)``.
    public static func su(_ configure: (inout ConnectionMethod.SuOptions) -> Void = { _ in }) -> Self {
        Self(ConnectionMethod.SuOptions(), configure)
    }

    /// Another user, as ``Router/doas(via:_:)``.
    public static func doas(_ configure: (inout ConnectionMethod.DoasOptions) -> Void = { _ in }) -> Self {
        Self(ConnectionMethod.DoasOptions(), configure)
    }

    /// A new Docker container, as ``Router/docker(image:via:_:)``.
    public static func docker(image: String, _ configure: (inout ConnectionMethod.DockerOptions) -> Void = { _ in })
        -> Self
    {
        Self(ConnectionMethod.DockerOptions(image: image), configure)
    }

    /// A pod, as ``Router/kubectl(pod:via:_:)``.
    public static func kubectl(pod: String, _ configure: (inout ConnectionMethod.KubectlOptions) -> Void = { _ in })
        -> Self
    {
        Self(ConnectionMethod.KubectlOptions(pod: pod), configure)
    }

    /// A container, as ``Router/docker(container:via:_:)``.
    public static func docker(container: String, _ configure: (inout ConnectionMethod.DockerOptions) -> Void = { _ in })
        -> Self
    {
        Self(ConnectionMethod.DockerOptions(container: container), configure)
    }

    /// A container, as ``Router/podman(container:via:_:)``.
    public static func podman(container: String, _ configure: (inout ConnectionMethod.PodmanOptions) -> Void = { _ in })
        -> Self
    {
        Self(ConnectionMethod.PodmanOptions(container: container), configure)
    }

    /// A container, as ``Router/buildah(container:via:_:)``.
    public static func buildah(
        container: String,
        _ configure: (inout ConnectionMethod.BuildahOptions) -> Void = { _ in }
    ) -> Self {
        Self(ConnectionMethod.BuildahOptions(container: container), configure)
    }

    /// A container, as ``Router/lxc(container:via:_:)``.
    public static func lxc(container: String, _ configure: (inout ConnectionMethod.LXCOptions) -> Void = { _ in })
        -> Self
    {
        Self(ConnectionMethod.LXCOptions(container: container), configure)
    }

    /// A container, as ``Router/lxd(container:via:_:)``.
    public static func lxd(container: String, _ configure: (inout ConnectionMethod.LXDOptions) -> Void = { _ in })
        -> Self
    {
        Self(ConnectionMethod.LXDOptions(container: container), configure)
    }

    /// A container, as ``Router/incus(container:via:_:)``.
    public static func incus(container: String, _ configure: (inout ConnectionMethod.IncusOptions) -> Void = { _ in })
        -> Self
    {
        Self(ConnectionMethod.IncusOptions(container: container), configure)
    }

    /// A container, as ``Router/jail(container:via:_:)``.
    public static func jail(container: String, _ configure: (inout ConnectionMethod.JailOptions) -> Void = { _ in })
        -> Self
    {
        Self(ConnectionMethod.JailOptions(container: container), configure)
    }

    /// A container by its namespaces, as ``Router/setns(container:kind:via:_:)``.
    public static func setns(
        container: String,
        kind: ConnectionMethod.SetnsOptions.Kind,
        _ configure: (inout ConnectionMethod.SetnsOptions) -> Void = { _ in }
    ) -> Self {
        Self(ConnectionMethod.SetnsOptions(container: container, kind: kind), configure)
    }

    /// A method of the program's own.
    public static func custom(_ options: ConnectionMethod.CustomOptions) -> Self {
        Self(options) { _ in }
    }
}

/// Options of a method that the library can perform.
protocol RequestingOptions: ContextOptions {
    func request() throws(MitogenError) -> ConnectionRequest
}

extension ConnectionMethod.LocalOptions: RequestingOptions {}
extension ConnectionMethod.SSHOptions: RequestingOptions {}
extension ConnectionMethod.SudoOptions: RequestingOptions {}
extension ConnectionMethod.SuOptions: RequestingOptions {}
extension ConnectionMethod.DoasOptions: RequestingOptions {}
extension ConnectionMethod.DockerOptions: RequestingOptions {}
extension ConnectionMethod.PodmanOptions: RequestingOptions {}
extension ConnectionMethod.BuildahOptions: RequestingOptions {}
extension ConnectionMethod.KubectlOptions: RequestingOptions {}
extension ConnectionMethod.LXCOptions: RequestingOptions {}
extension ConnectionMethod.LXDOptions: RequestingOptions {}
extension ConnectionMethod.IncusOptions: RequestingOptions {}
extension ConnectionMethod.JailOptions: RequestingOptions {}
extension ConnectionMethod.SetnsOptions: RequestingOptions {}
extension ConnectionMethod.CustomOptions: RequestingOptions {}
