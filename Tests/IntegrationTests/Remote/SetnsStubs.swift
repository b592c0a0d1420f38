//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Namespaces without an engine: `unshare` makes them, and a script says which process is the first in them.
@Suite("Namespaces without an engine", .needsRoot, .serialized, .timeLimit(.minutes(1)))
struct SetnsStubs {
    /// BusyBox, linked statically.
    private static let busybox = (try? Testbed.fact("TESTBED")).map { "\($0)/busybox/bin/busybox" } ?? ""

    /// A process in namespaces and a root folder of its own, in which there are only a program, two files of accounts
    /// and `/dev/null`: no `/proc`, which Swift's runtime likes to have.
    private func withContainer(_ body: (_ root: String, _ leader: Int32) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let root = "\(directory)/root"
            for folder in [root, "\(root)/dev", "\(root)/etc", "\(root)/home"] { mkdir(folder, 0o755) }
            chmod(directory, 0o755)
            try #require(mknod("\(root)/dev/null", S_IFCHR, 0x103) == 0)
            chmod("\(root)/dev/null", 0o666)
            try Files.write(try #require(Files.bytes(Self.busybox)), to: "\(root)/busybox")
            // Resolved from outside, these links would lead to this machine's files.
            symlink("/accounts", "\(root)/etc/passwd")
            symlink("../../../../groups", "\(root)/etc/group")
            try Files.write(Array("web:x:33:34::/home:/bin/none\n".utf8), to: "\(root)/accounts")
            try Files.write(Array("logs:x:4:web\n".utf8), to: "\(root)/groups")
            let unshare = try HelperProcess([
                "unshare", "--mount", "--pid", "--uts", "--ipc", "--net", "--fork", "--kill-child", "--root=\(root)",
                "/busybox", "sleep", "1000",
            ])
            #expect(try await eventually { Processes.children(of: unshare.pid).first.map(isInside) ?? false })
            let leader = try #require(Processes.children(of: unshare.pid).first)
            try await body(root, leader)
        }
    }

    private func isInside(_ pid: Int32) -> Bool { Processes.name(of: pid) == "busybox" }

    @Test(
        "A context has the root folder, the account and nothing else",
        .enabled(if: access(busybox, X_OK) == 0, "the test bed is not up: Tests/Testbed/setup unshare, as root")
    )
    func account() async throws {
        try await withContainer { root, leader in
            let tool = try ToolStub(in: "\(root)/..", "echo \(leader)")
            try await withFixtureRouter { router in
                let web = try await router.setns(container: "app", kind: .podman) { options in
                    options.toolPath = tool.path
                    options.username = "web"
                }
                #expect(tool.runs == [["inspect", "--format={{.State.Pid}}", "app"]])
                #expect(try await web.call(Add(1, 2)) == 3)
                let text = try await web.run(["/busybox", "sh", "-c", "/busybox id; pwd; echo $USER $HOME $SHELL"])
                #expect(text.outputText == "uid=33(web) gid=34 groups=4(logs),34\n/home\nweb /home /bin/none\n")
                #expect(try await web.call(ProcessID()) < 100)
                let files = try await web.run(["/busybox", "ls", "-A", "/"]).outputText
                #expect(files == "accounts\nbusybox\ndev\netc\ngroups\nhome\n")

                try Files.write(try #require(Files.bytes(try Fixture.path)), to: "\(root)/program")
                let installed = try await router.setns(container: "app", kind: .podman) { options in
                    options.toolPath = tool.path
                    options.executable = ["/program"]
                }
                #expect(try await installed.call(Add(3, 4)) == 7)
                let identity = try await installed.run(["/busybox", "id", "-G"]).outputText
                #expect(identity == "0\n")
            }
        }
    }

    @Test(
        "What a tool says is understood",
        arguments: [
            // The tool's parent is this process.
            ("echo $PPID", .noSuchContainer, "in no container here"), ("echo 0", .containerNotRunning, "not running"),
            ("echo 4194303", .containerNotRunning, "not running"),
            ("echo hello; exit 3", .streamError, "exit status 3"),
            ("echo hello", .streamError, "has not told the first process of app"),
            ("echo 'permission denied' >&2; exit 1", .notPermitted, "may not use"),
        ] as [(String, MitogenError.Code, String)]
    )
    func tool(script: String, code: MitogenError.Code, text: String) async throws {
        try await withTemporaryDirectory { directory in
            let tool = try ToolStub(in: directory, script)
            try await withFixtureRouter { router in
                let error = try await failure {
                    try await router.setns(container: "app", kind: .docker) { $0.toolPath = tool.path }
                }
                #expect(error.code == code, "\(error)")
                #expect(error.message.contains(text), "\(error)")
                #expect(error.context == "setns.app")
                #expect(error.hint?.isEmpty == false)
            }
        }
    }

    @Test(
        "A virtual machine is refused, and the hint says how to get there",
        arguments: [
            (.machinectl, "echo \"Leader: $PPID (qemu)\"; echo 'Service: libvirt-qemu; class vm'", "by SSH"),
            (.incus, "echo 'Type: virtual-machine'; echo \"PID: $PPID\"", "the method `incus`"),
        ] as [(ConnectionMethod.SetnsOptions.Kind, String, String)]
    )
    func virtualMachine(kind: ConnectionMethod.SetnsOptions.Kind, script: String, hint: String) async throws {
        try await withTemporaryDirectory { directory in
            let tool = try ToolStub(in: directory, script)
            try await withFixtureRouter { router in
                let error = try await failure {
                    try await router.setns(container: "app", kind: kind) { $0.toolPath = tool.path }
                }
                #expect(error.code == .misuse, "\(error)")
                #expect(error.message.contains("app is a virtual machine"))
                #expect(error.hint?.hasSuffix(hint) == true, "\(error)")
            }
        }
    }

    @Test(
        "An instance of another machine is refused before anything is asked",
        arguments: [ConnectionMethod.SetnsOptions.Kind.lxd, .incus]
    )
    func otherMachine(kind: ConnectionMethod.SetnsOptions.Kind) async throws {
        try await withTemporaryDirectory { directory in
            let tool = try ToolStub(in: directory, "echo Status: STOPPED")
            try await withFixtureRouter { router in
                let far = try await failure {
                    try await router.setns(container: "far:app", kind: kind) { $0.toolPath = tool.path }
                }
                #expect(far.code == .misuse, "\(far)")
                #expect(far.hint == "use the method `\(kind.rawValue)`")
                #expect(tool.runs.isEmpty)
                let near = try await failure {
                    try await router.setns(container: "local:app", kind: kind) { $0.toolPath = tool.path }
                }
                #expect(near.code == .containerNotRunning, "\(near)")
                #expect(tool.runs == [["info", "local:app"]])
            }
        }
    }

    @Test("A tool that never answers is ended", arguments: [false, true])
    func hanging(isCancelled: Bool) async throws {
        try await withTemporaryDirectory { directory in
            let tool = try ToolStub(in: directory, "echo $$ >\(directory)/pid; exec sleep 1000")
            try await withFixtureRouter { router in
                let attempt = Task {
                    try await failure {
                        try await router.setns(container: "app", kind: .docker) { options in
                            options.toolPath = tool.path
                            options.connectTimeout = .seconds(isCancelled ? 30 : 0.5)
                        }
                    }
                }
                #expect(try await eventually { Files.text("\(directory)/pid")?.hasSuffix("\n") == true })
                let text = Files.text("\(directory)/pid")?.prefix { $0 != "\n" } ?? ""
                let pid = try #require(Int32(text))
                if isCancelled { attempt.cancel() }
                #expect(try await attempt.value.code == (isCancelled ? .cancelled : .timeoutError))
                #expect(try await eventually { !Processes.isRunning(pid) })
            }
        }
    }
}
