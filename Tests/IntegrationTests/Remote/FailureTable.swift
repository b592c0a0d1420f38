//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Foundation
internal import Mitogen
internal import MitogenFixtures
internal import Testing

/// Every way in which a connection fails has a code, a stage, a hop and a hint of its own, as `mitogen doctor` shows
/// them to a user.
@Suite(
    "What doctor says",
    .needsTestbed,
    .leavesNothing,
    .enabled(if: ToolProcess.isBuilt),
    .serialized,
    .timeLimit(.minutes(4))
)
struct FailureTable {
    /// One way to fail.
    struct Row {
        let name: String
        let target: String
        var options: [String] = []
        /// For `--password-file`.
        var password: Secret?
        /// For `--become-password-file`.
        var becomePassword: Secret?
        /// Programs that are found before those of the system, by their names.
        var programs: [String: String] = [:]
        let code: MitogenError.Code
        var stage = ConnectionReport.Stage.connecting
        let hop: String
        /// The command or setting that the hint names.
        let hint: String
    }

    /// What `mitogen doctor --json` says about a hop.
    private struct Finding: Decodable {
        struct Failure: Decodable {
            let code: String
            let message: String
            let stage: String?
            let context: String?
            let hint: String?
        }

        let target: String
        let ok: Bool
        let error: Failure?
    }

    @Test("Each failure has its code, stage and hop, and a hint that names what to change")
    func failures() async throws {
        var seen: [String: String] = [:]
        for row in try Self.rows() {
            let failure = try await Self.finding(about: row)
            #expect(failure.code == row.code.description, "\(row.name): \(failure.message)")
            #expect(failure.stage == row.stage.rawValue, "\(row.name)")
            #expect(failure.context == row.hop, "\(row.name)")
            #expect(failure.hint?.contains(row.hint) == true, "\(row.name): \(failure.hint ?? "no hint")")
            let text = "\(failure.code): \(failure.message); \(failure.hint ?? "")"
            #expect(seen.updateValue(row.name, forKey: text) == nil, "\(row.name) and \(seen[text] ?? "") say: \(text)")
        }
    }

    @Test("A program for another kind of machine is told from one that may not be executed")
    func architecture() async throws {
        try await withTemporaryDirectory { directory in
            // The beginning of a program for 64-bit ARM is enough for the kernel to refuse it.
            let header: [UInt8] = [
                0x7F, 0x45, 0x4C, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0xB7, 0, 1, 0, 0, 0,
            ]
            try Files.write(header + [UInt8](repeating: 0, count: 200), to: "\(directory)/foreign")
            chmod(directory, 0o755)
            try await withFixtureRouter { router in
                let foreign = try await failure {
                    try await router.testbed("tb-dash") { $0.executable = ["\(directory)/foreign"] }
                }
                #expect(foreign.code == .wrongArchitecture && foreign.stage == .starting, "\(foreign)")
                #expect(foreign.hint?.contains("build it for") == true)
                let missing = try await failure {
                    try await router.testbed("tb-dash") { $0.executable = ["\(directory)/missing"] }
                }
                #expect(missing.code == .executeError && missing.stage == .starting, "\(missing)")
                #expect(missing.context == "ssh.tb-dash")
            }
        }
    }

    @Test("doctor shows every stage of every hop, and who was reached")
    func success() async throws {
        let target = "ssh:tb-free@tb-bash+sudo"
        let result = try await ToolProcess.run(["doctor", "--ssh-config", try Testbed.sshConfig, target])
        #expect(result.status == 0, "\(result.text) \(result.errors)")
        let names = result.lines.map { $0.split(separator: " ").first.map(String.init) ?? "" }
        #expect(names.filter { $0 == "connect" }.count == 2 && names.filter { $0 == "start" }.count == 2)
        #expect(result.lines.contains(target) && result.text.contains("root@"))
    }

    // MARK: Running

    private static func finding(about row: Row) async throws -> Finding.Failure {
        try await withTemporaryDirectory { directory in
            for (name, script) in row.programs {
                try Files.write(Array("#!/bin/sh\n\(script)\n".utf8), to: "\(directory)/\(name)")
            }
            var options = row.options
            for (option, password) in [
                ("--password-file", row.password), ("--become-password-file", row.becomePassword),
            ] {
                guard let password else { continue }
                let file = "\(directory)/\(option.dropFirst(2))"
                try Files.write(Array("\(password.value)\n".utf8), to: file)
                options += [option, file]
            }
            let path = "\(directory):/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
            let result = try await ToolProcess.run(
                ["doctor", "--json", "--ssh-config", try Testbed.sshConfig] + options + [row.target],
                environment: ["PATH": path]
            )
            #expect(result.status == 4, "\(row.name): \(result.text) \(result.errors)")
            let line = try #require(result.lines.last, "\(row.name): \(result.errors)")
            let finding = try JSONDecoder().decode(Finding.self, from: Data(line.utf8))
            #expect(!finding.ok && finding.target == row.target)
            return try #require(finding.error, "\(row.name)")
        }
    }

    // MARK: The table

    private static func rows() throws -> [Row] {
        try loginRows() + accountRows() + imageRows()
    }

    private static func loginRows() -> [Row] {
        [
            Row(
                name: "wrong password",
                target: "ssh:tb-password",
                password: "not this",
                code: .passwordError,
                hop: "ssh.tb-password",
                hint: "--ask-password"
            ),
            Row(
                name: "no password",
                target: "ssh:tb-password",
                code: .passwordRequired,
                hop: "ssh.tb-password",
                hint: "ssh-copy-id"
            ),
            Row(
                name: "unknown host key",
                target: "ssh:tb-new-key",
                code: .hostKeyError,
                hop: "ssh.tb-new-key",
                hint: "--check-host-keys accept"
            ),
            Row(
                name: "unknown host key, on which the tool insists",
                target: "ssh:tb-new-key",
                options: ["--check-host-keys", "enforce"],
                code: .hostKeyError,
                hop: "ssh.tb-new-key",
                hint: "--check-host-keys configured"
            ),
            Row(
                name: "control socket's path too long",
                target: "ssh:tb-bash",
                options: [
                    "--ssh-option", "ControlMaster=auto", "--ssh-option",
                    "ControlPath=/tmp/\(String(repeating: "x", count: 95))",
                ],
                code: .controlPathTooLong,
                hop: "ssh.tb-bash",
                hint: "ControlPath ~/.ssh/%C"
            ),
            Row(
                name: "link-local address without a zone",
                target: "ssh:[fe80::1]",
                code: .noRoute,
                hop: "ssh.fe80::1",
                hint: "fe80::1%eth0"
            ),
            Row(
                name: "server that closes at once",
                target: "ssh:tb-bash",
                options: ["--connect-timeout", "1"],
                programs: ["ssh": "echo 'kex_exchange_identification: Connection closed by remote host' >&2; exit 255"],
                code: .connectionLost,
                hop: "ssh.tb-bash",
                hint: "MaxStartups"
            ),
            Row(
                name: "changed host key",
                target: "ssh:tb-changed-key",
                code: .hostKeyChanged,
                hop: "ssh.tb-changed-key",
                hint: "ssh-keygen -R"
            ),
            Row(
                name: "refused connection",
                target: "ssh:tb-refused",
                code: .connectionRefused,
                hop: "ssh.tb-refused",
                hint: "systemctl status ssh"
            ),
            Row(
                name: "unknown host",
                target: "ssh:no-such-host.invalid",
                code: .unknownHost,
                hop: "ssh.no-such-host.invalid",
                hint: "getent hosts"
            ),
            Row(
                name: "no route",
                target: "ssh:tb-bash",
                programs: ["ssh": #"exec unshare -n /usr/bin/ssh "$@""#],
                code: .noRoute,
                hop: "ssh.tb-bash",
                hint: "ip route get"
            ),
            Row(
                name: "account without a shell",
                target: "ssh:tb-nologin",
                code: .noLoginShell,
                hop: "ssh.tb-nologin",
                hint: "usermod -s"
            ),
            Row(
                name: "forced command",
                target: "ssh:tb-forced",
                code: .forcedCommand,
                hop: "ssh.tb-forced",
                hint: "ForceCommand"
            ),
            Row(
                name: "login script that exits",
                target: "ssh:tb-exits",
                code: .loginExited,
                hop: "ssh.tb-exits",
                hint: "~/.bashrc"
            ),
            Row(
                name: "login script that floods",
                target: "ssh:tb-floods",
                code: .noMarker,
                hop: "ssh.tb-floods",
                hint: "~/.bashrc"
            ),
            Row(
                name: "expired account",
                target: "ssh:tb-expired",
                code: .accountExpired,
                hop: "ssh.tb-expired",
                hint: "chage -l"
            ),
            Row(
                name: "no answer in time",
                target: "ssh:tb-bash",
                options: ["--connect-timeout", "0.3"],
                programs: ["ssh": "exec sleep 60"],
                code: .timeoutError,
                hop: "ssh.tb-bash",
                hint: "--connect-timeout"
            ),
        ]
    }

    private static func accountRows() throws -> [Row] {
        [
            Row(
                name: "sudo not permitted",
                target: "ssh:tb-plain@tb-bash+sudo",
                becomePassword: try Testbed.password(of: "tb-plain"),
                code: .notPermitted,
                hop: "ssh.tb-bash → sudo.root",
                hint: "visudo"
            ),
            Row(
                name: "requiretty",
                target: "ssh:tb-tty@tb-bash+sudo",
                code: .terminalRequired,
                hop: "ssh.tb-bash → sudo.root",
                hint: "!requiretty"
            ),
            Row(
                name: "no password for sudo",
                target: "ssh:tb-sudo@tb-bash+sudo",
                code: .passwordRequired,
                hop: "ssh.tb-bash → sudo.root",
                hint: "--ask-become-password"
            ),
            Row(
                name: "wrong password for sudo",
                target: "ssh:tb-sudo@tb-bash+sudo",
                becomePassword: "not this one",
                code: .passwordError,
                hop: "ssh.tb-bash → sudo.root",
                hint: "--ask-become-password"
            ),
            Row(
                name: "unknown user for sudo",
                target: "ssh:tb-free@tb-bash+sudo:no-such-user",
                code: .unknownUser,
                hop: "ssh.tb-bash → sudo.no-such-user",
                hint: "getent passwd"
            ),
            Row(
                name: "another question of sudo",
                target: "sudo",
                becomePassword: "secret",
                programs: ["sudo": "stty -echo </dev/tty; printf 'Kennwort? ' >/dev/tty; read answer </dev/tty"],
                code: .unknownPrompt,
                hop: "sudo.root",
                hint: "--sudo-prompt"
            ),
            Row(
                name: "unknown user for su",
                target: "su:no-such-user",
                code: .unknownUser,
                hop: "su.no-such-user",
                hint: "getent passwd"
            ),
            Row(
                name: "doas not permitted",
                target: "ssh:tb-plain@tb-bash+doas",
                code: .notPermitted,
                hop: "ssh.tb-bash → doas.root",
                hint: "/etc/doas.conf"
            ),
        ]
    }

    /// A sudo that runs what it is told to, in a changed place.
    private static func sudo(_ place: String) -> [String: String] {
        ["sudo": "while [ \"$1\" != -- ]; do shift; done; shift\n\(place)"]
    }

    /// A sudo for whom all places are file systems of this kind, and nothing can make a file in memory.
    ///
    /// - Parameter use: What is done with each as `$place` when it is there.
    private static func sudo(places options: String, use: String = ":") -> [String: String] {
        sudo(
            """
            exec unshare -m sh -c '
            for program in /usr/bin/perl /usr/bin/python3; do
                [ ! -e $program ] || mount --bind /dev/null $program
            done
            for place in /tmp /var/tmp /run /dev/shm; do mount -t tmpfs -o \(options) tmpfs $place; done
            mount -t tmpfs -o \(options) tmpfs /mnt
            use() { \(use); }
            for name in null zero random urandom tty; do touch /mnt/$name; mount --bind /dev/$name /mnt/$name; done
            mount --rbind /mnt /dev
            for place in /tmp /var/tmp /run /dev/shm /dev; do use; done
            cd /tmp; export HOME=/tmp PATH=/usr/bin:/bin; unset TMPDIR XDG_RUNTIME_DIR
            exec "$@"' sh "$@"
            """
        )
    }

    private static func imageRows() -> [Row] {
        [
            Row(
                name: "disk full",
                target: "sudo",
                programs: sudo(places: "size=64k"),
                code: .diskFull,
                stage: .sendingImage,
                hop: "sudo.root",
                hint: "TMPDIR"
            ),
            Row(
                name: "no inodes",
                target: "sudo",
                programs: sudo(
                    places: "size=64m,nr_inodes=20",
                    use: "(n=0; while :>$place/$n; do n=$((n+1)); done) 2>/dev/null"
                ),
                code: .diskFull,
                stage: .sendingImage,
                hop: "sudo.root",
                hint: "df -i"
            ),
            Row(
                name: "programs run nowhere",
                target: "sudo",
                programs: sudo(places: "noexec"),
                code: .noPlaceToRun,
                stage: .sendingImage,
                hop: "sudo.root",
                hint: "TMPDIR"
            ),
            Row(
                name: "truncated upload",
                target: "sudo",
                options: ["--no-image-cache"],
                programs: sudo(#"head -c 1000000 | "$@""#),
                code: .truncatedUpload,
                stage: .sendingImage,
                hop: "sudo.root",
                hint: "ProxyCommand"
            ),
            Row(
                name: "link cut during the upload",
                target: "ssh:tb-dash",
                options: [
                    "--no-image-cache", "--ssh-option",
                    "ProxyCommand=sh -c 'dd bs=4096 count=150 2>/dev/null | busybox nc 127.0.0.1 %p'",
                ],
                code: .connectionLost,
                stage: .sendingImage,
                hop: "ssh.tb-dash",
                hint: "journalctl -u ssh"
            ),
            Row(
                name: "another kind of machine",
                target: "sudo",
                programs: sudo(#"PATH=${0%/*}:$PATH exec "$@""#).merging(["uname": "echo Plan9 vax"]) { old, _ in old },
                code: .noImage,
                stage: .choosingImage,
                hop: "sudo.root",
                hint: "build the program for it, and put that at"
            ),
        ]
    }
}
