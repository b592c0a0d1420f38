//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Where a context is to be started: a chain of hops as the command line tool writes it, `ssh:web1+sudo+docker:app`.
///
/// | hop | leads to |
/// |---|---|
/// | `local`, `local:NAME` | a child process |
/// | `ssh:[USER@]HOST[:PORT]` | another machine; an IPv6 address stands in brackets |
/// | `sudo`, `su`, `doas`, with `:USER` | another user, root by default |
/// | `docker:`, `podman:`, `buildah:`, `jail:`, with `[USER@]NAME` | a container |
/// | `docker-image:IMAGE` | a new container, removed at the end |
/// | `kubectl:[NAMESPACE/]POD[/CONTAINER]` | a pod |
/// | `lxc:NAME`, `lxd:NAME`, `incus:NAME` | a container |
/// | `setns-KIND:[USER[:GROUP]@]NAME` | a container by its namespaces; the kind is `docker`, `podman`, `lxc`, … |
///
/// A backslash stands before a `+`, `,`, `[`, `]` or `\` that is part of a name. Lists, ranges and `ssh://` addresses, which
/// the tool understands too, are not for a single target.
public struct ConnectionTarget: Sendable, Hashable {
    /// One step of a target.
    public struct Hop: Sendable, Hashable {
        public let kind: Kind
        /// The host, container, pod or image; of `local` the context's name. Nil where there is none.
        public var name: String?
        /// The user; nil for the default.
        public var username: String?
        /// The group, of `setns` only.
        public var group: String?
        /// The port, of `ssh` only.
        public var port: Int?
        /// The namespace, of `kubectl` only.
        public var namespace: String?
        /// The container of a pod, of `kubectl` only.
        public var container: String?

        init(_ kind: Kind) {
            self.kind = kind
        }
    }

    /// How a hop connects. The raw value is its word in a target.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        case local, ssh, sudo, su, doas, docker
        case dockerImage = "docker-image"
        case podman, buildah, kubectl, lxc, lxd, incus, jail
        case setnsDocker = "setns-docker"
        case setnsPodman = "setns-podman"
        case setnsLXC = "setns-lxc"
        case setnsLXD = "setns-lxd"
        case setnsIncus = "setns-incus"
        case setnsMachinectl = "setns-machinectl"
    }

    /// The hops, from this machine outwards; at least one.
    public let hops: [Hop]
    /// The target as it was written.
    public let description: String

    /// Parses a target.
    ///
    /// - Throws: ``MitogenError`` with `.misuse` that says which hop is wrong, and why.
    public init(_ text: String) throws(MitogenError) {
        var scanner = TargetScanner(text)
        hops = try scanner.hops()
        description = text
    }
}

extension ConnectionTarget: CustomStringConvertible {}

extension ConnectionTarget: Codable {
    /// Takes a target from a text, as it may stand in an inventory.
    public init(from decoder: any Decoder) throws {
        try self.init(decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
