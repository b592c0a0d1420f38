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
    ///   - path: The hops before it.
    ///   - via: Where the hop starts; nil for this process.
    ///   - settings: What the command line says about connections.
    func connect(
        _ hop: Hop,
        behind path: some Sequence<Hop>,
        via: Context?,
        _ settings: HopSettings
    ) async throws(MitogenError) -> Context {
        switch hop.kind {
        case HopKind.ssh.name:
            let made = settings.sshOptions(for: hop, behind: path)
            return try await self.ssh(made.hostname, via: via) { $0 = made }
        case HopKind.sudo.name:
            return try await self.sudo(via: via) { options in
                settings.apply(to: &options, user: hop.argument)
                options.requestsTerminal = settings.requestsSudoTerminal
                options.passwordPrompt = settings.sudoPrompt
            }
        case HopKind.su.name:
            return try await self.su(via: via) { options in
                settings.apply(to: &options, user: hop.argument)
                if let prompt = settings.suPrompt { options.passwordPrompt = prompt }
            }
        case HopKind.doas.name:
            return try await self.doas(via: via) { options in
                settings.apply(to: &options, user: hop.argument)
                if let prompt = settings.doasPrompt { options.passwordPrompt = prompt }
            }
        case HopKind.local.name:
            return try await self.local(via: via) { options in
                guard let name = hop.argument else { return }
                options.name = name
                options.remoteName = name
            }
        default:
            if let context = try await self.connectContainer(hop, via: via, settings) { return context }
            if let definition = settings.table[hop.kind] {
                return try await self.connect(.custom(definition.options(for: hop, settings)), via: via)
            }
            // The parser knows no other kind; a new one needs its case here.
            throw MitogenError(.misuse, "'\(hop.kind)' is not a kind of hop")
        }
    }
}

/// What the command line says about how hops are connected.
package struct HopSettings: Hashable, Sendable {
    /// For ssh hops.
    var ssh = SSHSettings()
    /// For ssh hops.
    var password: Secret?
    /// For the private key of ssh hops.
    var passphrase: Secret?
    /// For sudo, su and doas hops, and those of the table.
    var becomePassword: Secret?
    /// Seconds for each hop.
    var connectTimeout = 30.0
    var requestsSudoTerminal = false
    /// Other texts that end the questions of sudo, su and doas for the password.
    var sudoPrompt: String?
    var suPrompt: String?
    var doasPrompt: String?
    var usesImageCache = true
    /// The user's own kinds of hops.
    var table = HopTable()

    /// Sets what sudo, su and doas have in common.
    func apply(to options: inout some BecomeOptions, user: String?) {
        options.username = user ?? options.username
        options.password = becomePassword
        options.connectTimeout = connectTimeout
        options.usesImageCache = usesImageCache
    }
}

extension HopSettings {
    /// The options of an ssh hop.
    ///
    /// - Parameter path: The hops before it.
    func sshOptions(for hop: Hop, behind path: some Sequence<Hop>) -> SSHOptions {
        let destination = SSHDestination(hop.argument ?? "")
        var options = SSHOptions(hostname: destination.host)
        options.username = destination.user
        options.port = destination.port
        self.ssh.apply(to: &options, for: hop, runsHere: path.allSatisfy(\.staysHere))
        options.password = self.password
        options.passphrase = self.passphrase
        options.connectTimeout = self.connectTimeout
        options.usesImageCache = self.usesImageCache
        return options
    }
}

extension Hop {
    /// Whether it leads to another process of the same machine, with the same files.
    var staysHere: Bool { [HopKind.local, .sudo, .su, .doas].contains { $0.name == self.kind } }
}
