//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The programs that lead into containers.
package enum ContainerTool: String, Sendable, Codable, Hashable, CaseIterable {
    case docker
    case podman
    case buildah
    case kubectl
    case lxc
    case lxd
    case incus
    case jail
    /// For `setns` only.
    case machinectl

    /// What runs on the machine, as people call it.
    var program: String {
        switch self {
        case .lxc: "lxc-attach"
        case .lxd: "lxc"
        case .jail: "jexec"
        default: rawValue
        }
    }

    /// What it calls those that it leads into.
    var noun: String {
        switch self {
        case .kubectl: "pod"
        case .lxd, .incus: "instance"
        case .jail: "jail"
        case .machinectl: "machine"
        default: "container"
        }
    }
}

/// What a connection into a container leads to, as far as the words about its failure need it.
package struct ContainerTarget: Sendable, Codable, Equatable {
    package let tool: ContainerTool
    /// The container's or the image's.
    package let name: String
    /// Whether the name is that of an image, for a temporary container.
    package var isImage = false
    /// The user to be in the container, if one was named.
    package var username: String?
    /// The namespace of a pod, if one was named.
    package var namespace: String?
    /// The container of a pod, if one was named.
    package var podContainer: String?
    /// The command that tells the containers of a pod, see ``PodContainers``.
    package var containerQuery: [String]?

    package init(_ tool: ContainerTool, _ name: String, username: String? = nil, isImage: Bool = false) {
        self.tool = tool
        self.name = name
        self.username = username
        self.isImage = isImage
    }

    package var description: String {
        if let podContainer { return "the container \(podContainer) of the pod \(name)" }
        return isImage ? "the image \(name)" : "the \(tool.noun) \(name)"
    }

    /// A pod, or a container of it, as it is written in targets: `[NAMESPACE/]POD[/CONTAINER]`, with an empty namespace
    /// if only the container is named.
    package var podPath: String {
        let words = [namespace ?? (podContainer == nil ? nil : ""), name, podContainer]
        return words.compactMap(\.self).joined(separator: "/")
    }

    private var namespaceWords: String { namespace.map { " --namespace \($0)" } ?? "" }

    /// What to do when the tool cannot be started.
    package var missingToolHint: Hint {
        "install \(tool.program) on the machine where the connection is made\(.toolPath)"
    }

    /// The end of a hint: what leads there without a shell, if anything does.
    package var hintWithoutShell: Hint { namespaceHint("no shell") }

    /// The end of a hint: what leads there where no program can be put, if anything does.
    var hintWithoutPlace: Hint { namespaceHint("no folder, as it runs the program from memory") }

    private func namespaceHint(_ needs: String) -> Hint {
        switch tool {
        // An instance of another machine cannot be entered by its namespaces.
        case .docker, .podman, .lxc, .lxd, .incus:
            isImage || name.utf8.contains(UInt8(ascii: ":"))
                ? ""
                : "; from root, "
                    + "`setns-\(tool.rawValue):\(username.map { "\($0)@" } ?? "")\(name)` needs \(needs)"
        default: ""
        }
    }

    /// What to do when the tool has ended without a word that is understood.
    var silentEndHint: Hint? {
        switch tool {
        case .lxc: "many versions of LXC hide why a program failed; see its logs on the host, below /var/log/lxc"
        case .lxd: "many versions of LXD hide why a program failed; see its logs on the host, below /var/log/lxd"
        case .incus: "Incus may hide why a program failed; see its logs on the host, below /var/log/incus"
        default: nil
        }
    }

    // MARK: Commands that help

    var listCommand: String {
        switch tool {
        case .docker, .podman: "\(tool.program) ps --all"
        case .buildah: "buildah containers"
        case .kubectl: "kubectl get pods\(namespace == nil ? " --all-namespaces" : namespaceWords)"
        case .lxc: "lxc-ls --fancy"
        case .lxd, .incus: "\(tool.program) list"
        case .jail: "jls"
        case .machinectl: "machinectl list"
        }
    }

    var startCommand: String {
        switch tool {
        case .docker, .podman, .lxd, .incus, .machinectl: "\(tool.program) start \(name)"
        case .buildah: "buildah from --name \(name) IMAGE"
        case .kubectl: "kubectl describe pod \(name)\(namespaceWords)"
        case .lxc: "lxc-start --name \(name)"
        case .jail: "service jail start \(name)"
        }
    }

    var probeCommand: String {
        switch tool {
        case .docker, .podman, .buildah: "\(tool.program) info"
        case .kubectl: "kubectl get pods"
        case .lxd, .incus, .lxc, .jail, .machinectl: listCommand
        }
    }
}
