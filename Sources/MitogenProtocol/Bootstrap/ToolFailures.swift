//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What a tool says when it cannot make a connection, and what that means. It is looked for in the last lines when an
/// attempt has ended without a word of the first stage. All texts are literal; the case of ASCII letters does not matter.
package struct ToolFailures: Sendable {
    /// One meaning, and the texts that have it.
    package struct Rule: Sendable {
        let texts: [String]
        /// What a line must have, too; nil for nothing.
        let context: String?
        let code: MitogenError.Code
        let message: String
        let hint: Hint
        /// Whether a line that has one of the texts says that the server closed the connection before it said its version.
        let isBeforeVersion: Bool

        package init(
            _ code: MitogenError.Code,
            _ message: String,
            says texts: [String],
            with context: String? = nil,
            hint: Hint,
            isBeforeVersion: Bool = false
        ) {
            self.texts = texts
            self.context = context
            self.code = code
            self.message = message
            self.hint = hint
            self.isBeforeVersion = isBeforeVersion
        }

        func fits(_ line: String) -> Bool {
            context.map { ByteSearch.contains(line, $0) } != false && texts.contains { ByteSearch.contains(line, $0) }
        }
    }

    /// What the tool's own words begin with, before a colon; empty if that is not known.
    package var name: String
    /// Whether a login shell runs the first stage, which can end it without a word.
    package var hasLoginShell: Bool
    /// The first one that fits counts.
    package var rules: [Rule]
    /// What lines have that are only warnings, whatever else is in them: the tool goes on.
    package var warnings: [String]
    /// How many servers the tool connects to, one through the other, each of which may close the connection at once; `.max`
    /// if that is not known, and nothing is tried again.
    package var serverCount = 1

    package init(
        name: String = "",
        hasLoginShell: Bool = false,
        warnings: [String] = [],
        rules: [Rule] = []
    ) {
        self.name = name
        self.hasLoginShell = hasLoginShell
        self.warnings = warnings
        self.rules = rules
    }

    /// What the lines mean, with the line that says so; nil if none is known.
    func failure(in lines: [String]) -> BootstrapFailure? {
        let lines = lines.filter { line in !warnings.contains { ByteSearch.contains(line, $0) } }
        for rule in rules {
            guard let line = lines.last(where: rule.fits) else { continue }
            var failure = BootstrapFailure(
                stage: .connecting,
                code: rule.code,
                message: "\(rule.message): \(line)",
                hint: rule.hint
            )
            if rule.isBeforeVersion, wasClosedAtOnce(rule, lines) { failure.retry = .later }
            return failure
        }
        guard !name.isEmpty, let line = lines.last(where: { $0.hasPrefix("\(name): ") }) else { return nil }
        return BootstrapFailure(
            stage: .connecting,
            code: .eofError,
            message: "the connection ended before the target's shell answered: \(line)",
            hint: "run \(name) by hand, with a command such as `true`"
        )
    }

    /// Whether the first server closed the connection before anybody could have tried to log in.
    ///
    /// Each ssh in a chain says so itself, from the innermost to this one. Fewer such lines mean that a server on the way
    /// was logged in to, and another line before them that one had begun.
    private func wasClosedAtOnce(_ rule: Rule, _ lines: [String]) -> Bool {
        let first = lines.first { line in rule.fits(line) || Self.closedLater.contains { ByteSearch.contains(line, $0) }
        }
        return first.map(rule.fits) == true && lines.count(where: rule.fits) >= serverCount
    }

    /// What ssh says of a connection that is closed later than that; its words follow those of the rule, too.
    private static let closedLater = [
        "connection closed by", "connection reset by", "received disconnect", "disconnected",
    ]
}

extension ToolFailures {
    /// For OpenSSH's client where it connects to so many servers, one through the other.
    package static func ssh(serverCount: Int) -> ToolFailures {
        var failures = ssh
        failures.serverCount = serverCount
        return failures
    }

    /// For OpenSSH's client, and what a server's login says.
    package static let ssh = ToolFailures(
        name: "ssh",
        hasLoginShell: true,
        rules: [
            Rule(
                .unknownHost,
                "the host's name has no address",
                says: ["could not resolve hostname"],
                hint: "check the name with `getent hosts NAME`, or give it a `HostName` in the ssh configuration"
            ),
            Rule(
                .connectionRefused,
                "the host refused the connection",
                says: ["connection refused"],
                hint:
                    "check that sshd runs there (`systemctl status ssh`) and that the port is right (`Port` in the ssh "
                    + "configuration, \(.port))"
            ),
            Rule(
                .noRoute,
                "there is no way to the host",
                says: ["no route to host", "network is unreachable", "host is down"],
                hint: "check the address and this machine's routes with `ip route get ADDRESS`, or go through another "
                    + "host (\(.via), `ProxyJump`)"
            ),
            Rule(
                .timeoutError,
                "the host did not answer",
                says: ["connection timed out", "operation timed out", "timeout, server"],
                hint:
                    "a firewall may drop what is sent to it, or it is down: try `ping HOST`; `ConnectTimeout` in the ssh "
                    + "configuration sets how long is waited"
            ),
            expiredAccount,
            noLoginShell,
            Rule(
                .authenticationFailed,
                "ssh offered more keys than the server lets it try",
                says: ["too many authentication failures"],
                hint: "name the right key (\(.identityFile)) and set `IdentitiesOnly yes`"
            ),
            Rule(
                .streamError,
                "ssh and the server have no algorithm in common",
                says: ["unable to negotiate", "no matching"],
                hint: "set `HostKeyAlgorithms`, `KexAlgorithms` or `Ciphers` for the host in the ssh configuration"
            ),
            Rule(
                .misuse,
                "ssh does not take its configuration",
                says: ["bad configuration option", "bad owner or permissions on", "can't open user config file"],
                hint: "repair the file that it names, or choose another with \(.configFile)"
            ),
            Rule(
                .connectionRefused,
                "the server opens no more sessions in this connection",
                says: ["session open refused by peer", "open failed: administratively prohibited"],
                hint: "raise `MaxSessions` in its sshd_config, or do not share the connection (`ControlMaster no`)"
            ),
            Rule(
                .controlPathTooLong,
                "the path of ssh's control socket is too long",
                says: ["controlpath too long", "too long for unix domain socket"],
                hint: "set `ControlPath ~/.ssh/%C` in the ssh configuration: %C is a hash of 40 characters"
            ),
            Rule(
                .noRoute,
                "the address cannot be connected to",
                says: [": invalid argument"],
                with: "connect to ",
                hint: "a link-local address (fe80::…) needs the interface that leads to it, as in fe80::1%eth0 "
                    + "(`ip -6 route` shows it)"
            ),
            Rule(
                .noRoute,
                "the jump host could not connect to the host",
                says: ["stdio forwarding failed"],
                hint: "check on the jump host that the address and the port are right, and that its sshd lets "
                    + "connections be forwarded (`AllowTcpForwarding`, `PermitOpen`)"
            ),
            Rule(
                .connectionLost,
                "the server closed the connection before it said its version",
                says: ["exchange_identification: connection closed", "exchange_identification: read:"],
                hint:
                    "it probably has too many connections that are not logged in (`MaxStartups` in its sshd_config), or "
                    + "refuses this machine for a while (`PerSourcePenalties`, fail2ban): connect to fewer targets at a "
                    + "time\(.fanout), or see the server's log (`journalctl -u ssh`)",
                isBeforeVersion: true
            ),
            Rule(
                .connectionLost,
                "the connection was closed before the login was complete",
                says: ["connection closed by", "connection reset by", "closed by remote host", "broken pipe"],
                hint:
                    "the server's log says why (`journalctl -u ssh`): `AllowUsers`, a full disk, or `MaxStartups`, for "
                    + "which connect to fewer targets at a time\(.fanout)"
            ),
        ]
    )

    /// For sudo and sudo-rs.
    package static let sudo = ToolFailures(
        name: "sudo",
        warnings: [
            "unable to resolve host", "setrlimit(", "unable to send audit message", "unable to change directory",
        ],
        rules: [
            unknownUser("sudo", says: ["unknown user", "user not found", "sudo: user '", "sudo-rs: user '"]),
            expiredAccount,
            noLoginShell,
            Rule(
                .notPermitted,
                "sudo cannot change the user here",
                says: ["effective uid is not 0", "no new privileges", "must be owned by uid 0"],
                hint: "the file system is mounted `nosuid`, or the session has `NoNewPrivileges`; `ls -l` on the sudo "
                    + "program shows whether it is setuid root"
            ),
        ]
    )

    /// For su.
    package static let su = ToolFailures(
        name: "su",
        hasLoginShell: true,
        warnings: ["warning: cannot change directory"],
        rules: [
            unknownUser("su", says: ["does not exist", "unknown id", "no passwd entry", "unknown login"]),
            expiredAccount,
            noLoginShell,
            Rule(
                .notPermitted,
                "su does not permit it",
                says: ["su: permission denied", "must be suid to work properly"],
                hint: "only members of a group may be allowed to (`pam_wheel` in /etc/pam.d/su); use sudo or doas"
            ),
        ]
    )

    /// For doas.
    package static let doas = ToolFailures(
        name: "doas",
        rules: [
            unknownUser("doas", says: ["unknown user", "no passwd entry"]),
            expiredAccount,
            Rule(
                .notPermitted,
                "doas is not set up",
                says: ["doas is not enabled", "doas.conf: no such file", "not installed setuid"],
                hint: "write a rule into /etc/doas.conf and check it with `doas -C /etc/doas.conf`"
            ),
        ]
    )

    /// What a restricted login shell (rbash, rksh) says about the first word of the first stage, in whatever language. Where
    /// `sh` is not found the shell's exit status is another one.
    static func refusesExec(_ lines: [String], _ exit: BootstrapExit?) -> Bool {
        exit == .exited(1) && lines.contains { line in ["exec:", "exec :"].contains { ByteSearch.contains(line, $0) } }
    }

    private static let expiredAccount = Rule(
        .accountExpired,
        "the account, or its password, has expired",
        says: [
            "password change required", "password has expired", "password is expired", "password expired",
            "account has expired", "account expired", "account validation failure", "required to change your password",
            "must change your password",
        ],
        hint:
            "look at it with `chage -l USER`; log in by hand once to change the password, or extend it with `chage -M`"
    )

    private static let noLoginShell = Rule(
        .noLoginShell,
        "the account has no shell to log in with",
        says: ["account is currently not available", "nologin"],
        hint: "give it one with `usermod -s /bin/sh USER`, or log in as another user and become it with sudo"
    )

    private static func unknownUser(_ tool: String, says texts: [String]) -> Rule {
        Rule(
            .unknownUser,
            "\(tool) knows no such user",
            says: texts,
            hint: "check the name on the target with `getent passwd USER`"
        )
    }
}
