//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

#if Metrics
    extension ConnectionRequest {
        /// The method's name in metrics.
        var methodName: String {
            switch self {
            case .local: "local"
            case .ssh: "ssh"
            case .sudo: "sudo"
            case .su: "su"
            case .doas: "doas"
            case .container(let request): request.methodName
            case .setns: "setns"
            }
        }
    }

    extension ContainerRequest {
        fileprivate var methodName: String {
            switch self {
            case .docker: "docker"
            case .podman: "podman"
            case .buildah: "buildah"
            case .kubectl: "kubectl"
            case .lxc: "lxc"
            case .lxd: "lxd"
            case .incus: "incus"
            case .jail: "jail"
            }
        }
    }
#endif
