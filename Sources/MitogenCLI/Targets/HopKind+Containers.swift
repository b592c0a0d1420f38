//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import Mitogen

extension HopKind {
    /// A running Docker container.
    package static let docker = inContainer("docker", "a running Docker container")

    /// A new Docker container, which is removed at the end.
    package static let dockerImage = HopKind(
        name: "docker-image",
        argument: .required("IMAGE"),
        help: "a new Docker container of that image, removed at the end"
    ) { ContainerDestination.nameProblem($0) }

    /// A running Podman container.
    package static let podman = inContainer("podman", "a running Podman container")

    /// A working container of Buildah.
    package static let buildah = inContainer("buildah", "a working container of Buildah")

    /// A container of a Kubernetes pod.
    package static let kubectl = HopKind(
        name: "kubectl",
        argument: .required("[NAMESPACE/]POD[/CONTAINER]"),
        help: "a Kubernetes pod; /POD/CONTAINER in the current namespace"
    ) { PodDestination.problem($0) }

    /// A container of classic LXC.
    package static let lxc = named("lxc", "a running container of classic LXC")

    /// An instance of LXD.
    package static let lxd = named("lxd", "a running instance of LXD")

    /// An instance of Incus.
    package static let incus = named("incus", "a running instance of Incus")

    /// A FreeBSD jail.
    package static let jail = inContainer("jail", "a FreeBSD jail")

    /// All of these, in the order of the help text.
    static let containers: [HopKind] =
        [
            .docker, .dockerImage, .podman, .buildah, .kubectl, .lxc, .lxd, .incus, .jail,
        ] + namespaces

    private static let namespacePrefix = "setns-"

    /// Containers that are entered by their namespaces, from root.
    private static let namespaces = ConnectionMethod.SetnsOptions.Kind.allCases.map { kind in
        HopKind(
            name: namespacePrefix + kind.rawValue,
            argument: .required("[USER[:GROUP]@]NAME"),
            help: "\(kind.rawValue)'s container by its namespaces, from root"
        ) { ContainerDestination.accountProblem($0) }
    }

    /// The kind of container that a hop such as `setns-docker` enters; nil for any other hop.
    package static func setnsKind(ofHop name: String) -> ConnectionMethod.SetnsOptions.Kind? {
        guard name.hasPrefix(namespacePrefix) else { return nil }
        return ConnectionMethod.SetnsOptions.Kind(rawValue: String(name.dropFirst(namespacePrefix.count)))
    }

    private static func inContainer(_ name: String, _ help: String) -> HopKind {
        HopKind(name: name, argument: .required("[USER@]NAME"), help: help) { ContainerDestination.problem($0) }
    }

    private static func named(_ name: String, _ help: String) -> HopKind {
        HopKind(name: name, argument: .required("NAME"), help: help) { ContainerDestination.nameProblem($0) }
    }
}
