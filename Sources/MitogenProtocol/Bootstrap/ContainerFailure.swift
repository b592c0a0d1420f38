//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Understands what the tools that lead into containers say when they cannot.
///
/// Only their words tell: a missing program and a missing container have the same exit status with some of them, and
/// another one with each of the others.
package enum ContainerFailure: Sendable, Hashable, CaseIterable {
    case noSuchContainer
    case noSuchPodContainer
    case noSuchImage
    case notRunning
    /// LXC says the same of both.
    case notThereOrNotRunning
    case paused
    case engineUnavailable
    case notPermitted
    case unknownUser
    case noShell
    case toolTooOld

    private struct Rule {
        let meaning: ContainerFailure
        /// Whose words they are; of all tools if there are none.
        let tools: [ContainerTool]
        /// What a line must have, in any case of the letters.
        let texts: [String]

        init(_ meaning: ContainerFailure, _ texts: String..., by tools: [ContainerTool] = []) {
            self.meaning = meaning
            self.tools = tools
            self.texts = texts
        }
    }

    // The first that fits counts, so that the words that say more come first.
    private static let rules: [Rule] = [
        // Engines say the same of programs of their own that they miss.
        Rule(.noShell, "exec: \"sh\": executable file not found"),
        Rule(.noShell, "executable file `sh` not found in $path"),
        Rule(.noShell, "attempted to invoke a command that was not found"),
        Rule(.noShell, "exec: \"sh\": stat ", "no such file or directory"),
        Rule(.noShell, "no such file or directory - failed to exec", by: [.lxc]),
        Rule(.noShell, "error: command not found", by: [.lxd, .incus]),
        Rule(.noShell, "execvp", "no such file or directory", by: [.jail]),
        Rule(.unknownUser, "unable to find user"),
        Rule(.unknownUser, "no matching entries in passwd file"),
        Rule(.unknownUser, "unknown user", by: [.buildah]),
        Rule(.unknownUser, "no such user", by: [.jail, .podman]),
        Rule(.paused, "is paused"),
        Rule(.paused, "is frozen", by: [.lxd, .incus]),
        Rule(.notRunning, "container", "is not running", by: [.docker]),
        Rule(.notRunning, "instance is not running", by: [.lxd, .incus]),
        Rule(.notRunning, "is restarting", by: [.docker]),
        Rule(.notRunning, "container state improper", by: [.podman]),
        Rule(.notRunning, "on running containers", by: [.podman]),
        Rule(.notRunning, "completed pod", by: [.kubectl]),
        Rule(.notRunning, "unable to upgrade connection: container not found", by: [.kubectl]),
        Rule(.notRunning, "does not have a host assigned", by: [.kubectl]),
        Rule(.notThereOrNotRunning, "failed to get init pid", by: [.lxc]),
        Rule(.noSuchContainer, "no such container", by: [.docker, .podman]),
        Rule(.noSuchContainer, "no such object", by: [.docker, .podman]),
        // There is an image or a volume of this name.
        Rule(.noSuchContainer, "no entry for key \"state\"", by: [.docker]),
        Rule(.noSuchContainer, "can't evaluate field state", by: [.podman]),
        Rule(.noSuchContainer, "doesn't exist", by: [.lxc]),
        Rule(.noSuchContainer, "no machine", "known", by: [.machinectl]),
        Rule(.noSuchContainer, "no container with name or id", by: [.podman]),
        Rule(.noSuchContainer, "container not known", by: [.buildah]),
        // kubectl looks first; the server says it if the pod has changed meanwhile.
        Rule(.noSuchPodContainer, "container", "not found in pod", by: [.kubectl]),
        Rule(.noSuchPodContainer, "is not valid for pod", by: [.kubectl]),
        Rule(.noSuchContainer, "(notfound)", by: [.kubectl]),
        Rule(.noSuchContainer, "instance not found", by: [.lxd, .incus]),
        Rule(.noSuchContainer, "error: not found", by: [.lxd, .incus]),
        Rule(.noSuchContainer, "jail \"", "not found", by: [.jail]),
        Rule(.notPermitted, "permission denied"),
        Rule(.notPermitted, "operation not permitted"),
        Rule(.notPermitted, "you lack access", by: [.lxc]),
        Rule(.notPermitted, "(forbidden)", by: [.kubectl]),
        Rule(.notPermitted, "(unauthorized)", by: [.kubectl]),
        Rule(.notPermitted, "must be logged in", by: [.kubectl]),
        Rule(.notPermitted, "not authorized", by: [.lxd, .incus]),
        Rule(.noSuchImage, "pull access denied", by: [.docker]),
        Rule(.noSuchImage, "manifest", "unknown", by: [.docker]),
        Rule(.noSuchImage, "manifest", "not found", by: [.docker]),
        Rule(.noSuchImage, "no such image", by: [.docker]),
        Rule(.noSuchImage, "invalid reference format", by: [.docker]),
        Rule(.engineUnavailable, "cannot connect to the docker daemon", by: [.docker]),
        Rule(.engineUnavailable, "failed to connect to the docker api", by: [.docker]),
        Rule(.engineUnavailable, "error during connect", by: [.docker]),
        Rule(.engineUnavailable, "connect to podman", by: [.podman]),
        Rule(.engineUnavailable, "has not been booted with systemd", by: [.machinectl]),
        Rule(.engineUnavailable, "failed to connect to", by: [.machinectl]),
        Rule(.engineUnavailable, "failed to create bus connection", by: [.machinectl]),
        Rule(.engineUnavailable, "failed to connect bus", by: [.machinectl]),
        Rule(.engineUnavailable, "connection to the server", by: [.kubectl]),
        Rule(.engineUnavailable, "unable to connect to the server", by: [.kubectl]),
        Rule(.engineUnavailable, "error in configuration", by: [.kubectl]),
        Rule(.engineUnavailable, "daemon doesn't appear to be started", by: [.lxd, .incus]),
        Rule(.engineUnavailable, "unix.socket", by: [.lxd, .incus]),
        Rule(.engineUnavailable, "socket not accessible", by: [.lxd, .incus]),
        // It says so before it tries to fetch the image, too, so that other reasons come first.
        Rule(.noSuchImage, "unable to find image", by: [.docker]),
        Rule(.toolTooOld, "unknown flag"),
        Rule(.toolTooOld, "unknown shorthand flag"),
        Rule(.toolTooOld, "unknown option"),
        Rule(.toolTooOld, "unrecognized option"),
        Rule(.toolTooOld, "flag provided but not defined"),
        Rule(.toolTooOld, "illegal option"),
        Rule(.toolTooOld, "api version", "is too", by: [.docker]),
    ]

    /// What a tool has said; nil if it is nothing that is known.
    package init?(_ tool: ContainerTool, said lines: [String]) {
        let folded = lines.map { ByteSearch.folded($0)[...] }
        func isSaid(_ texts: [String]) -> Bool {
            let texts = texts.map { Array($0.utf8) }
            return folded.contains { line in texts.allSatisfy { ByteSearch.index(of: $0, in: line) != nil } }
        }
        let isFetched = isSaid(["downloaded newer image"])
        let rule = Self.rules.first { rule in
            guard rule.tools.isEmpty || rule.tools.contains(tool) else { return false }
            return isSaid(rule.texts) && !(rule.meaning == .noSuchImage && isFetched)
        }
        guard let rule else { return nil }
        self = rule.meaning
    }

    private var code: MitogenError.Code {
        switch self {
        case .noSuchContainer, .noSuchPodContainer: .noSuchContainer
        case .noSuchImage: .noSuchImage
        case .notRunning, .notThereOrNotRunning, .paused: .containerNotRunning
        case .engineUnavailable: .engineUnavailable
        case .notPermitted: .notPermitted
        case .unknownUser: .unknownUser
        case .noShell: .noShell
        case .toolTooOld: .toolTooOld
        }
    }

    private func message(_ target: ContainerTarget) -> String {
        let tool = target.tool
        return switch self {
        case .noSuchContainer: "there is no \(tool.noun) \(target.name)"
        case .noSuchPodContainer: "the pod \(target.name) has no container \(target.podContainer ?? "of this name")"
        case .noSuchImage: "there is no image \(target.name), and it could not be fetched"
        case .notRunning: "\(target.description) is not running"
        case .notThereOrNotRunning: "\(target.description) is not there, or not running"
        case .paused: "\(target.description) is paused"
        case .engineUnavailable: "what \(tool.program) talks to does not answer"
        case .notPermitted: "this user may not use \(tool.program) for \(target.description)"
        case .unknownUser: "\(target.description) has no user \(target.username ?? "of this name")"
        case .noShell: "\(target.description) has no sh"
        case .toolTooOld: "\(tool.program) does not take the options that are needed"
        }
    }

    private func hint(_ target: ContainerTarget) -> Hint {
        switch self {
        case .noSuchContainer: "`\(target.listCommand)` lists what is there"
        case .noSuchPodContainer:
            "name another one, as in `kubectl:\(target.namespace ?? "")/\(target.name)/CONTAINER`, or none; "
                + "`\(target.startCommand)` lists them"
        case .noSuchImage: "`docker pull \(target.name)` must work on the machine where the connection is made"
        case .notRunning where target.tool == .kubectl: "`\(target.startCommand)` tells why"
        case .notRunning: "start it: `\(target.startCommand)`"
        case .notThereOrNotRunning:
            "`\(target.listCommand)` lists this user's containers; `\(target.startCommand)` starts it"
        case .paused where [.lxd, .incus].contains(target.tool): "let it go on: `\(target.startCommand)`"
        case .paused: "let it go on: `\(target.tool.program) unpause \(target.name)`"
        case .engineUnavailable: Self.engineHint(target)
        case .notPermitted: Self.permissionHint(target)
        case .unknownUser: "name one of the container's /etc/passwd, or give a number where the tool takes one"
        case .noShell where target.tool == .kubectl:
            "`kubectl debug --image=busybox \(target.name)` puts a container that has one beside it"
        case .noShell: "the program needs it on its way: use an image that has one\(target.hintWithoutShell)"
        case .toolTooOld: "install a newer \(target.tool.program)"
        }
    }

    private static func engineHint(_ target: ContainerTarget) -> Hint {
        let works = "`\(target.probeCommand)` must work on the machine where the connection is made"
        return switch target.tool {
        case .docker: "\(works): start the daemon, or set DOCKER_HOST"
        case .kubectl: "\(works): see to the cluster, or set KUBECONFIG"
        default: "\(works): start the daemon"
        }
    }

    private static func permissionHint(_ target: ContainerTarget) -> Hint {
        switch target.tool {
        case .docker, .lxd: "connect through sudo, or put the user into the group \(target.tool.rawValue)"
        case .incus: "connect through sudo, or put the user into the group incus-admin"
        case .kubectl: "`kubectl auth can-i create pods/exec` tells whether the account may"
        case .podman, .buildah: "connect as the user whose container it is, or through sudo"
        case .lxc, .jail, .machinectl: "connect through sudo"
        }
    }

    /// The failure of an attempt.
    package func failure(_ target: ContainerTarget, during stage: ConnectionReport.Stage) -> BootstrapFailure {
        BootstrapFailure(stage: stage, code: code, message: message(target), hint: hint(target))
    }
}
