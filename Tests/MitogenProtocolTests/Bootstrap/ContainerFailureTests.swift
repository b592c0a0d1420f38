//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol
import Testing

@Suite("What the tools of containers say")
struct ContainerFailureTests {
    typealias Sample = (ContainerTool, String, ContainerFailure?)

    // The texts are the tools' own, most of them of docker 20.10 and 28.2, podman 4.3, buildah 1.28, kubectl 1.32, LXC
    // 5.0, LXD 5.0, Incus 6.0 and FreeBSD's jexec.
    static let samples: [Sample] = [
        (.docker, "Error response from daemon: No such container: web", .noSuchContainer),
        (.docker, "Error: No such container: web", .noSuchContainer),
        (.docker, "Error response from daemon: Container 1ff52214d6ae is not running", .notRunning),
        (
            .docker, "Error response from daemon: Container web is restarting, wait until the container is running",
            .notRunning
        ),
        (.docker, "Error response from daemon: Container web is paused, unpause the container before exec", .paused),
        (
            .docker,
            "OCI runtime exec failed: exec failed: unable to start container process: exec: \"sh\": executable file not "
                + "found in $PATH: unknown", .noShell
        ),
        (
            .docker,
            "docker: Error response from daemon: failed to create shim task: OCI runtime create failed: runc create "
                + "failed: unable to start container process: exec: \"sh\": executable file not found in $PATH: unknown",
            .noShell
        ),
        (.docker, "unable to find user u: no matching entries in passwd file", .unknownUser),
        (
            .docker,
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
            .engineUnavailable
        ),
        (
            .docker,
            "error during connect: this error may indicate that the docker daemon is not running: Get \"http://x",
            .engineUnavailable
        ),
        (
            .docker,
            "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
            .notPermitted
        ),
        (.docker, "unknown flag: --interactive", .toolTooOld),
        (
            .docker,
            "Error response from daemon: client version 1.50 is too new. Maximum supported API version is 1.41",
            .toolTooOld
        ),
        (.docker, "docker: invalid reference format", .noSuchImage),
        (
            .docker,
            "docker: Error response from daemon: pull access denied for web, repository does not exist or may require "
                + "'docker login'", .noSuchImage
        ),
        (.podman, "Error: no container with name or ID \"web\" found: no such container", .noSuchContainer),
        (
            .podman, "Error: can only create exec sessions on running containers: container state improper", .notRunning
        ),
        (
            .podman,
            "Error: runc: exec failed: unable to start container process: exec: \"sh\": executable file not found in "
                + "$PATH: OCI runtime attempted to invoke a command that was not found", .noShell
        ),
        (.podman, "Error: crun: executable file `sh` not found in $PATH: No such file or directory", .noShell),
        (.podman, "Error: unable to find user u: no matching entries in passwd file", .unknownUser),
        (.podman, "Cannot connect to Podman. Please verify your connection to the Linux system", .engineUnavailable),
        (.buildah, "Error: reading build container \"web\": container not known", .noSuchContainer),
        (
            .buildah,
            "process failed to start with error: exec: \"sh\": executable file not found in $PATHprocess exited",
            .noShell
        ),
        (
            .buildah, "Error: determining run uid: user: unknown user error looking up user \"u\"", .unknownUser
        ),
        (.kubectl, "Error from server (NotFound): pods \"web\" not found", .noSuchContainer),
        (.kubectl, "Error from server (BadRequest): container c is not valid for pod web", .noSuchPodContainer),
        (.kubectl, "error: container c not found in pod web", .noSuchPodContainer),
        (.kubectl, "error: unable to upgrade connection: container not found (\"web\")", .notRunning),
        (
            .kubectl, "error: cannot exec into a container in a completed pod; current phase is Succeeded", .notRunning
        ),
        (
            .kubectl,
            "error: Internal error occurred: error executing command in container: failed to exec in container: failed "
                + "to start exec \"28\": OCI runtime exec failed: exec: \"sh\": executable file not found in $PATH",
            .noShell
        ),
        (
            .kubectl,
            "The connection to the server localhost:8080 was refused - did you specify the right host or port?",
            .engineUnavailable
        ),
        (.kubectl, "Error in configuration: context was not found for specified context: x", .engineUnavailable),
        (.kubectl, "Error from server (Forbidden): pods \"web\" is forbidden: User \"u\" cannot create", .notPermitted),
        (.kubectl, "error: You must be logged in to the server (Unauthorized)", .notPermitted),
        (
            .lxc,
            "lxc-attach: web: ../src/lxc/attach.c: get_attach_context: 406 Connection refused - Failed to get init pid",
            .notThereOrNotRunning
        ),
        (
            .lxc,
            "lxc-attach: web: ../src/lxc/attach.c: lxc_attach_run_command: 1841 No such file or directory - Failed to "
                + "exec \"sh\"", .noShell
        ),
        (
            .lxc,
            "lxc-attach: web: ../src/lxc/tools/lxc_attach.c: main: 302 You lack access to /home/u/.local/share/lxc",
            .notPermitted
        ),
        (.lxd, "Error: Instance not found", .noSuchContainer),
        (.lxd, "Error: not found", .noSuchContainer),
        (.lxd, "Error: Instance is not running", .notRunning),
        (.lxd, "Error: Command not found", .noShell),
        (
            .lxd, "Error: Get \"http://unix.socket/1.0\": dial unix /x/unix.socket: connect: no such file or directory",
            .engineUnavailable
        ),
        (
            .lxd, "Error: Get \"http://unix.socket/1.0\": dial unix /x/unix.socket: connect: permission denied",
            .notPermitted
        ),
        (
            .incus, "Error: Failed to fetch instance \"web\" in project \"default\": Instance not found",
            .noSuchContainer
        ),
        (.incus, "Error: Instance is not running", .notRunning),
        (.incus, "Error: Command not found", .noShell),
        (
            .incus, "Error: The incus daemon doesn't appear to be started (socket path: /x/unix.socket)",
            .engineUnavailable
        ),
        (.jail, "jexec: jail \"web\" not found", .noSuchContainer),
        (.jail, "jexec: execvp(): sh: No such file or directory", .noShell),
        (.jail, "jexec: execvp: sh: No such file or directory", .noShell),
        (.jail, "jexec: u: no such user", .unknownUser),
        (.jail, "jexec: jail_attach(1): Operation not permitted", .notPermitted),
        (.lxd, "Error: Instance is frozen", .paused),
        (.incus, "Error: Instance is frozen", .paused),
        // Programs that the engines miss themselves.
        (.podman, "Error: cannot find newuidmap: exec: \"newuidmap\": executable file not found in $PATH", nil),
        (.podman, "Error: crun: executable file `newgidmap` not found in $PATH: No such file or directory", nil),
        (
            .docker,
            "docker: error getting credentials - err: exec: \"docker-credential-desktop\": executable file not found in "
                + "$PATH, out: ``", nil
        ),
        // One tool's words are not another's, and the rest says nothing.
        (.buildah, "Error response from daemon: No such container: web", nil),
        (.docker, "Error: Instance not found", nil),
        (.docker, "WARNING: IPv4 forwarding is disabled. Networking will not work.", nil),
        (.lxc, "Error: Command not found", nil),
    ]

    @Test("Each failure is told by its words", arguments: samples.indices)
    func words(index: Int) {
        let (tool, text, failure) = Self.samples[index]
        #expect(ContainerFailure(tool, said: ["something else", text]) == failure, "\(tool): \(text)")
    }

    @Test("What was said of an image before it could not be fetched is no reason while there is another")
    func order() {
        let lines = [
            "Unable to find image 'web:latest' locally", "docker: Error response from daemon: Get \"https://x\": no",
        ]
        #expect(ContainerFailure(.docker, said: lines) == .noSuchImage)
        let other = [lines[0], "unable to start container process: exec: \"sh\": executable file not found in $PATH"]
        #expect(ContainerFailure(.docker, said: other) == .noShell)
    }

    @Test("When an image was fetched and something else went wrong, it is not the image")
    func fetched() {
        let lines = [
            "Unable to find image 'web:latest' locally", "latest: Pulling from library/web",
            "Status: Downloaded newer image for web:latest",
        ]
        let end = "docker: Error response from daemon: driver failed programming external connectivity"
        #expect(ContainerFailure(.docker, said: lines + [end]) == nil)
        #expect(ContainerFailure(.docker, said: lines + ["unknown flag: --x"]) == .toolTooOld)
    }

    @Test(
        "Without a shell the hint names what needs none, where there is such a thing",
        arguments: ContainerTool.allCases
    )
    func withoutShell(tool: ContainerTool) {
        func hint(_ name: String, isImage: Bool = false) -> String {
            let target = ContainerTarget(tool, name, isImage: isImage)
            return ContainerFailure.noShell.failure(target, during: .connecting).hint?.apiText ?? ""
        }
        let hasOne = [.docker, .podman, .lxc, .lxd, .incus].contains(tool)
        #expect(hint("web").contains("from root, `setns-\(tool.rawValue):web` needs no shell") == hasOne)
        #expect(!hint("web", isImage: true).contains("setns"))
        #expect(!hint("far:web").contains("setns"))
    }

    @Test("What is paused goes on with a command that there is")
    func paused() {
        func hint(_ tool: ContainerTool) -> String? {
            ContainerFailure.paused.failure(ContainerTarget(tool, "web"), during: .connecting).hint?.apiText
        }
        #expect(hint(.docker) == "let it go on: `docker unpause web`")
        #expect(hint(.podman) == "let it go on: `podman unpause web`")
        #expect(hint(.lxd) == "let it go on: `lxc start web`")
        #expect(hint(.incus) == "let it go on: `incus start web`")
    }

    private func machine(_ tool: ContainerTool, _ username: String? = nil) throws -> BootstrapMachine {
        var machine = try BootstrapMachineTests.machine()
        machine.container = ContainerTarget(tool, "web", username: username)
        return machine
    }

    private func end(_ machine: inout BootstrapMachine, _ status: Int32) -> BootstrapFailure? {
        let actions = machine.outputDidEnd() + machine.diagnosticsDidEnd() + machine.processDidExit(.exited(status))
        if case .fail(let failure)? = actions.last { return failure }
        return nil
    }

    @Test(
        "An attempt that ends so has that code, says what it was about, and names a command",
        arguments: ["", "noise\n"]
    )
    func machine(noise: String) throws {
        var machine = try machine(.docker)
        _ = machine.receive(output: noise.utf8)
        _ = machine.receive(diagnostics: "Error response from daemon: Container 1ff5 is not running\n".utf8)
        let failure = try #require(end(&machine, 1))
        #expect(failure.code == .containerNotRunning)
        #expect(failure.message == "the container web is not running")
        #expect(failure.hint == "start it: `docker start web`")
        #expect(failure.lines.last == "Error response from daemon: Container 1ff5 is not running")
        #expect(failure.exit == .exited(1))
    }

    @Test("Words that come when the far side has answered are the far side's")
    func late() throws {
        var machine = try machine(.docker)
        _ = machine.receive(output: "\(BootstrapMachineTests.marker) Linux x86_64 cached\n".utf8)
        _ = machine.receive(diagnostics: "exec: \"sh\": executable file not found\n".utf8)
        #expect(end(&machine, 1)?.code == .eofError)
    }

    @Test("LXC and its like may hide the reason", arguments: [ContainerTool.lxc, .lxd, .incus])
    func silence(tool: ContainerTool) throws {
        var machine = try machine(tool)
        let failure = try #require(end(&machine, 1))
        #expect(failure.code == .eofError)
        #expect(failure.hint?.apiText.contains("/var/log/\(tool)") == true)
    }

    @Test("Every failure of every tool has words of its own")
    func allWords() {
        for tool in ContainerTool.allCases {
            let target = ContainerTarget(tool, "web", username: "joe")
            let failures = ContainerFailure.allCases.map { $0.failure(target, during: .connecting) }
            #expect(Set(failures.map(\.message)).count == failures.count)
            #expect(failures.allSatisfy { $0.hint?.apiText.isEmpty == false })
            #expect(failures.contains { $0.message.contains("joe") })
        }
    }

    @Test("A program that the tool runs itself is configured at once, and then speaks in frames")
    func direct() throws {
        var machine = try machine(.docker)
        #expect(machine.startProgram() == [.configure])
        #expect(machine.startProgram().isEmpty)
        #expect(machine.receive(output: BootstrapMachineTests.frame) == [.handOver(BootstrapMachineTests.frame)])
    }
}
