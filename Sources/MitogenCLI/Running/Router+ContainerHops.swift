//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen

extension Router {
    /// Makes one hop into a container; nil if the hop is of another kind.
    func connectContainer(
        _ hop: Hop,
        via: Context?,
        _ settings: HopSettings
    ) async throws(MitogenError) -> Context? {
        let argument = hop.argument ?? ""
        let destination = ContainerDestination(argument)
        switch hop.kind {
        case HopKind.docker.name:
            return try await self.docker(container: destination.name, via: via) { options in
                options.username = destination.user
                settings.apply(to: &options)
            }
        case HopKind.dockerImage.name:
            return try await self.docker(image: argument, via: via) { settings.apply(to: &$0) }
        case HopKind.podman.name:
            return try await self.podman(container: destination.name, via: via) { options in
                options.username = destination.user
                settings.apply(to: &options)
            }
        case HopKind.buildah.name:
            return try await self.buildah(container: destination.name, via: via) { options in
                options.username = destination.user
                settings.apply(to: &options)
            }
        case HopKind.kubectl.name:
            let made = settings.kubectlOptions(for: hop)
            return try await self.kubectl(pod: made.pod, via: via) { $0 = made }
        case HopKind.lxc.name:
            return try await self.lxc(container: argument, via: via) { settings.apply(to: &$0) }
        case HopKind.lxd.name:
            return try await self.lxd(container: argument, via: via) { settings.apply(to: &$0) }
        case HopKind.incus.name:
            return try await self.incus(container: argument, via: via) { settings.apply(to: &$0) }
        case HopKind.jail.name:
            return try await self.jail(container: destination.name, via: via) { options in
                options.username = destination.user
                settings.apply(to: &options)
            }
        default:
            guard let kind = HopKind.setnsKind(ofHop: hop.kind) else { return nil }
            return try await self.setns(container: destination.name, kind: kind, via: via) { options in
                let account = destination.account
                options.username = account.first ?? options.username
                if account.count > 1 { options.group = account[1] }
                settings.apply(to: &options)
            }
        }
    }
}

extension HopSettings {
    /// The options of a kubectl hop.
    func kubectlOptions(for hop: Hop) -> KubectlOptions {
        let destination = PodDestination(hop.argument ?? "")
        var options = KubectlOptions(pod: destination.pod)
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
