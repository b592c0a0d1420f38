//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen

extension HopSettings {
    /// What is asked of the library for a hop into a container; nil if the hop is of another kind.
    func containerRequest(for hop: Hop) throws(MitogenError) -> ConnectionRequest? {
        let argument = hop.argument ?? ""
        let destination = ContainerDestination(argument)
        switch hop.kind {
        case HopKind.docker.name:
            var options = ConnectionMethod.DockerOptions(container: destination.name)
            options.username = destination.user
            self.apply(to: &options)
            return try options.request()
        case HopKind.dockerImage.name:
            var options = ConnectionMethod.DockerOptions(image: argument)
            self.apply(to: &options)
            return try options.request()
        case HopKind.podman.name:
            var options = ConnectionMethod.PodmanOptions(container: destination.name)
            options.username = destination.user
            self.apply(to: &options)
            return try options.request()
        case HopKind.buildah.name:
            var options = ConnectionMethod.BuildahOptions(container: destination.name)
            options.username = destination.user
            self.apply(to: &options)
            return try options.request()
        case HopKind.kubectl.name: return try self.kubectlOptions(for: hop).request()
        case HopKind.lxc.name:
            var options = ConnectionMethod.LXCOptions(container: argument)
            self.apply(to: &options)
            return try options.request()
        case HopKind.lxd.name:
            var options = ConnectionMethod.LXDOptions(container: argument)
            self.apply(to: &options)
            return try options.request()
        case HopKind.incus.name:
            var options = ConnectionMethod.IncusOptions(container: argument)
            self.apply(to: &options)
            return try options.request()
        case HopKind.jail.name:
            var options = ConnectionMethod.JailOptions(container: destination.name)
            options.username = destination.user
            self.apply(to: &options)
            return try options.request()
        default: return try self.namespaceRequest(for: hop, destination)
        }
    }

    private func namespaceRequest(
        for hop: Hop,
        _ destination: ContainerDestination
    ) throws(MitogenError) -> ConnectionRequest? {
        guard let kind = HopKind.setnsKind(ofHop: hop.kind) else { return nil }
        var options = ConnectionMethod.SetnsOptions(container: destination.name, kind: kind)
        let account = destination.account
        options.username = account.first ?? options.username
        if account.count > 1 { options.group = account[1] }
        self.apply(to: &options)
        return try options.request()
    }
}

extension HopSettings {
    /// The options of a kubectl hop.
    func kubectlOptions(for hop: Hop) -> ConnectionMethod.KubectlOptions {
        let destination = PodDestination(hop.argument ?? "")
        var options = ConnectionMethod.KubectlOptions(pod: destination.pod)
        options.namespace = destination.namespace
        options.container = destination.container
        self.apply(to: &options)
        return options
    }

    /// Sets what all methods have in common.
    func apply(to options: inout some ContextOptions) {
        options.connectTimeout = connectTimeout
        options.usesImageCache = usesImageCache
    }
}
