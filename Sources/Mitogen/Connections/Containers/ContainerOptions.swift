//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

/// What the methods that lead into containers have in common.
protocol ContainerOptions: ContextOptions {
    /// What they lead to.
    var target: ContainerTarget { get }
    /// The name of a context that was given none (Mitogen semantics, section 7.1).
    var defaultName: String { get }
    /// The command line that runs `command`, an argument vector, in the container.
    func arguments(command: [String]) -> [String]
    func plan(for stage: FirstStage) -> ConnectionPlan
    /// Whether the program is kept in the container, for the next connection.
    var usesCache: Bool { get }
    /// Checks what would only fail later, and worse.
    func validate() throws(MitogenError)
}

extension ContainerOptions {
    var defaultName: String { "\(target.tool.rawValue).\(target.name)" }

    var usesCache: Bool { true }

    func plan(for stage: FirstStage) -> ConnectionPlan {
        var plan = ConnectionPlan(arguments: arguments(command: stage.arguments), container: target)
        // A cluster is elsewhere, and what Buildah passes on is slow.
        plan.compressesImage = target.tool == .kubectl || target.tool == .buildah
        return plan
    }

    func validate() throws(MitogenError) {
        try common.validate()
        try ContainerName.check(target.name, "the name of \(target.isImage ? "an image" : "a container")")
        if let username = target.username { try ContainerName.check(username, "the name of a user") }
    }
}

/// The names that people give containers, and what is in them.
enum ContainerName {
    /// Not all tools know `--`: a name that looks like an option must not get as far as them.
    static func check(_ name: String, _ what: String) throws(MitogenError) {
        guard !name.isEmpty, !name.hasPrefix("-"), !name.utf8.contains(where: { $0 <= 32 || $0 == 127 }) else {
            throw MitogenError(.misuse, "\(name.debugDescription) is not \(what)")
        }
    }
}

/// A method that leads into a container, with its options.
enum ContainerRequest: Sendable, Codable {
    case docker(DockerOptions)
    case podman(PodmanOptions)
    case buildah(BuildahOptions)
    case kubectl(KubectlOptions)
    case lxc(LXCOptions)
    case lxd(LXDOptions)
    case incus(IncusOptions)
    case jail(JailOptions)

    var options: any ContainerOptions {
        switch self {
        case .docker(let options): options
        case .podman(let options): options
        case .buildah(let options): options
        case .kubectl(let options): options
        case .lxc(let options): options
        case .lxd(let options): options
        case .incus(let options): options
        case .jail(let options): options
        }
    }
}
