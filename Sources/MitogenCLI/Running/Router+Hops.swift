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
        try await self.connect(settings.request(for: hop, behind: path), from: via)
    }
}

extension HopSettings {
    /// What is asked of the library for a hop: all that the connection depends on.
    ///
    /// - Parameter path: The hops before it.
    /// - Throws: ``MitogenError`` with `.misuse` for options that make no sense.
    func request(for hop: Hop, behind path: some Sequence<Hop>) throws(MitogenError) -> ConnectionRequest {
        switch hop.kind {
        case HopKind.ssh.name: return try self.sshOptions(for: hop, behind: path).request()
        case HopKind.sudo.name:
            var options = ConnectionMethod.SudoOptions()
            self.apply(to: &options, user: hop.argument)
            options.requestsTerminal = self.requestsSudoTerminal
            options.passwordPrompt = self.sudoPrompt
            return try options.request()
        case HopKind.su.name:
            var options = ConnectionMethod.SuOptions()
            self.apply(to: &options, user: hop.argument)
            if let prompt = self.suPrompt { options.passwordPrompt = prompt }
            return try options.request()
        case HopKind.doas.name:
            var options = ConnectionMethod.DoasOptions()
            self.apply(to: &options, user: hop.argument)
            if let prompt = self.doasPrompt { options.passwordPrompt = prompt }
            return try options.request()
        case HopKind.local.name:
            var options = ConnectionMethod.LocalOptions()
            if let name = hop.argument {
                options.name = name
                options.remoteName = name
            }
            return try options.request()
        case HopKind.fork.name:
            var options = Router.ForkOptions()
            options.connectTimeout = self.connectTimeout
            return try options.request()
        default:
            if let request = try self.containerRequest(for: hop) { return request }
            if let definition = self.table[hop.kind] { return try definition.options(for: hop, self).request() }
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
    var connectTimeout = Duration.seconds(30)
    var requestsSudoTerminal = false
    /// Other texts that end the questions of sudo, su and doas for the password.
    var sudoPrompt: String?
    var suPrompt: String?
    var doasPrompt: String?
    var usesImageCache = true
    /// The user's own kinds of hops.
    var table = HopTable()

    /// The same without passwords.
    var withoutSecrets: HopSettings {
        var settings = self
        settings.password = nil
        settings.passphrase = nil
        settings.becomePassword = nil
        return settings
    }

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
    func sshOptions(for hop: Hop, behind path: some Sequence<Hop>) -> ConnectionMethod.SSHOptions {
        let destination = SSHDestination(hop.argument ?? "")
        var options = ConnectionMethod.SSHOptions(hostname: destination.host)
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
    var staysHere: Bool { [HopKind.local, .fork, .sudo, .su, .doas].contains { $0.name == self.kind } }
}
