//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen

extension Router {
    /// Makes one hop of a target.
    ///
    /// - Parameters:
    ///   - via: Where the hop starts; nil for this process.
    ///   - settings: What the command line says about connections.
    func connect(_ hop: Hop, via: Context?, _ settings: HopSettings) async throws(MitogenError) -> Context {
        switch hop.kind {
        case HopKind.ssh.name:
            let destination = SSHDestination(hop.argument ?? "")
            return try await self.ssh(destination.host, via: via) { options in
                options.username = destination.user
                options.port = destination.port
                options.configFile = settings.sshConfig
                if settings.acceptsNewHostKeys { options.checkHostKeys = .accept }
                options.sshArguments = settings.sshOptions.flatMap { ["-o", $0] }
                options.identityFile = settings.identity
                options.password = settings.password
                options.connectTimeout = settings.connectTimeout
                options.usesImageCache = settings.usesImageCache
            }
        case HopKind.sudo.name:
            return try await self.sudo(via: via) { options in
                options.requestsTerminal = settings.requestsSudoTerminal
                options.username = hop.argument ?? options.username
                options.password = settings.becomePassword
                options.connectTimeout = settings.connectTimeout
                options.usesImageCache = settings.usesImageCache
            }
        case HopKind.su.name:
            return try await self.su(via: via) { options in
                options.username = hop.argument ?? options.username
                options.password = settings.becomePassword
                options.connectTimeout = settings.connectTimeout
                options.usesImageCache = settings.usesImageCache
            }
        case HopKind.doas.name:
            return try await self.doas(via: via) { options in
                options.username = hop.argument ?? options.username
                options.password = settings.becomePassword
                options.connectTimeout = settings.connectTimeout
                options.usesImageCache = settings.usesImageCache
            }
        case HopKind.local.name:
            return try await self.local(via: via) { options in
                guard let name = hop.argument else { return }
                options.name = name
                options.remoteName = name
            }
        default:
            // The parser knows no other kind; a new one needs its case here.
            throw MitogenError(.misuse, "'\(hop.kind)' is not a kind of hop")
        }
    }
}

/// What the command line says about how hops are connected.
package struct HopSettings: Hashable, Sendable {
    var sshConfig: String?
    var sshOptions: [String] = []
    var identity: String?
    /// For ssh hops.
    var password: Secret?
    /// For sudo, su and doas hops.
    var becomePassword: Secret?
    /// Seconds for each hop.
    var connectTimeout = 30.0
    var acceptsNewHostKeys = false
    var requestsSudoTerminal = false
    var usesImageCache = true
}
