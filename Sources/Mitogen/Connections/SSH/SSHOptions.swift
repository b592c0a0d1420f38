//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension ConnectionMethod {
    /// The options of ``Router/ssh(_:via:_:)`` (Mitogen semantics, section 7.3).
    public struct SSHOptions: ContextOptions {
        /// What is done about the server's host key.
        public enum HostKeyCheck: String, Sendable, Hashable, CaseIterable {
            /// An unknown or changed key is an error.
            case enforce
            /// A new key is accepted and remembered; a changed one is an error.
            case accept
            /// Keys are not looked at: whoever controls the network can be the server.
            case ignore
            /// What the user's ssh configuration says (`StrictHostKeyChecking`, `UserKnownHostsFile`) counts. A
            /// question whether an unknown key is accepted is an error.
            case configured
        }

        public var common = CommonOptions()
        /// The host's name, address, or `Host` of the user's ssh configuration.
        public var hostname: String
        /// The user to log in as; by default what ssh chooses.
        public var username: String?
        /// The port; by default what ssh chooses.
        public var port: Int?
        /// The password, typed if ssh or the server asks for it; without ``passphrase`` it serves as that, too. Never
        /// put on a command line.
        public var password: Secret?
        /// The passphrase of an encrypted private key, typed if ssh asks for it.
        public var passphrase: Secret?
        /// Another text, in any case of ASCII letters, that ends a question for the password, such as `Mot de passe :`.
        /// A line with the word `password` and a colon at its end always is one; ssh itself asks in English, but a
        /// server's own questions (keyboard-interactive) can be in any words.
        public var passwordPrompt: String?
        /// The private key to use; by default what ssh chooses.
        public var identityFile: String?
        /// With a password or an identity file: use no other keys, such as those of a running agent. True by default.
        public var usesIdentitiesOnly = true
        /// What is done about the server's host key; ``HostKeyCheck/enforce`` by default.
        public var hostKeyCheck = HostKeyCheck.enforce
        /// Whether ssh compresses. False by default: it costs more time than it saves on all but slow links (25 MiB/s
        /// against 200 MiB/s), and the image is compressed already.
        public var usesCompression = false
        /// How verbose ssh is, 0 to 3; 0 by default. What it then says goes to the router's logger at debug level.
        public var debugLevel = 0
        /// The time between questions whether the server is still there, in whole seconds, rounded up; zero for none.
        /// By default what ssh's configuration says (`ServerAliveInterval`), or 15 s if that says nothing. After
        /// ``keepAliveCount`` without an answer the connection ends. Through a Python context it is 15 s by default,
        /// whatever the configuration says: ssh cannot be asked there.
        public var keepAliveInterval: Duration?
        /// How many unanswered questions end the connection; by default what ssh's configuration says
        /// (`ServerAliveCountMax`), which is 3 if it says nothing.
        public var keepAliveCount: Int?
        /// A configuration file, as ssh's `-F`; by default the user's own.
        public var configFile: String?
        /// The ssh program; `ssh` by default, looked for in `PATH`.
        public var sshPath = "ssh"
        /// More arguments for ssh, such as `["-o", "ProxyJump=hop"]`. They come before the library's own, so that they
        /// win: of several values of an option ssh takes the first. With a forward among them (`-L`, `-R`, `-D`) those
        /// of the configuration are not left out either.
        public var sshArguments: [String] = []

        /// Seconds between questions whether the server is there, where nobody has said how many.
        private static let defaultKeepalive = 15

        public init(hostname: String) {
            self.hostname = hostname
        }

        /// Whether ssh may have to ask something, for which it needs a terminal.
        var mayAsk: Bool { password != nil || passphrase != nil || hostKeyCheck == .accept }

        /// `ssh.<hostname>`, with the port if it is not 22.
        private var defaultName: String {
            let suffix = port.map { $0 == 22 ? "" : ":\($0)" } ?? ""
            return "ssh.\(hostname)\(suffix)"
        }

        /// The command line that runs `command` on the host, where a login shell reads it.
        package func arguments(command: String) -> [String] { self.command + [command] }

        /// Of several values of an option ssh takes the first, so what is typed comes before what is added here.
        private var command: [String] {
            var result = [sshPath]
            if let configFile { result += ["-F", configFile] }
            if debugLevel > 0 { result.append("-" + String(repeating: "v", count: min(debugLevel, 3))) }
            if let username { result += ["-l", username] }
            if let port { result += ["-p", "\(port)"] }
            result += sshArguments
            result.append("-T")
            if debugLevel <= 0 { result += ["-o", "LogLevel ERROR"] }
            if usesIdentitiesOnly, identityFile != nil || password != nil { result += ["-o", "IdentitiesOnly yes"] }
            if let identityFile { result += ["-i", identityFile] }
            if usesCompression { result += ["-o", "Compression yes"] }
            if let keepAliveInterval {
                result += ["-o", "ServerAliveInterval \(keepAliveInterval.roundedUpToSeconds)"]
            }
            if let keepAliveCount { result += ["-o", "ServerAliveCountMax \(keepAliveCount)"] }
            if !mayAsk { result += ["-o", "BatchMode yes"] }
            result += hostKeyArguments
            if !SSHArguments(sshArguments).forwardsPorts { result += ["-o", "ClearAllForwardings yes"] }
            // Nothing is to be taken for an option, whatever the host is called.
            return result + ["--", hostname]
        }

        private var hostKeyArguments: [String] {
            switch hostKeyCheck {
            case .enforce: ["-o", "StrictHostKeyChecking yes"]
            case .accept: ["-o", "StrictHostKeyChecking ask"]
            case .ignore:
                [
                    "-o", "StrictHostKeyChecking no", "-o", "UserKnownHostsFile /dev/null", "-o",
                    "GlobalKnownHostsFile /dev/null",
                ]
            case .configured: []
            }
        }

        /// - Throws: ``MitogenError`` with `.misuse` for options that make no sense.
        package func request() throws(MitogenError) -> ConnectionRequest {
            if hostname.isEmpty {
                throw MitogenError(.misuse, "\(hostname.debugDescription) is not the name of a host")
            }
            if let problem = Self.problem(withHost: hostname) {
                throw MitogenError(.misuse, "\(hostname.debugDescription) is not the name of a host: it \(problem)")
            }
            let typed = SSHArguments(sshArguments)
            if let problem = typed.problem { throw MitogenError(.misuse, "sshArguments: \(problem)") }
            if let port, !(1...65_535).contains(port) {
                throw MitogenError(.misuse, "\(port) is not a port; ports are 1 to 65535")
            }
            try validatePrompts(passwordPrompt.map { [$0] } ?? [], "passwordPrompt")
            var tool = ConnectionTool(CommandTemplate(command, .text))
            tool.dialect = .ssh
            tool.terminal = mayAsk ? .diagnostics : .none
            tool.questions = .init(
                passwordPrompt: passwordPrompt,
                acceptsHostKeys: hostKeyCheck == .accept,
                insistsOnHostKeys: hostKeyCheck == .enforce && !typed.has("StrictHostKeyChecking")
            )
            tool.ssh = SSHQuestion(
                configFile: configFile ?? typed.values["F"],
                keepalive: keepAliveInterval == nil ? Self.defaultKeepalive : nil
            )
            tool.password = password
            tool.passphrase = passphrase ?? password
            tool.compressesImage = true
            return try ConnectionRequest(common, defaultName, .tool(tool))
        }
    }
}
