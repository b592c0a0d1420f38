//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol
import Testing

@Suite("The way to a running program")
struct BootstrapMachineTests {
    static let image = FirstStageTests.image
    static let frame: [UInt8] = [0x4D, 0x4A, 0, 0, 0, 0, 0, 1, 2, 3]

    static func machine(
        _ program: FirstStage.Program = .image(image),
        usesCache: Bool = true,
        prompts: PromptMachine? = nil,
        on place: BootstrapMachine.PromptPlace = .diagnostics,
        hasDiagnostics: Bool = true
    ) throws -> BootstrapMachine {
        let stage = try FirstStageTests.stage(program, usesCache: usesCache)
        return BootstrapMachine(stage, prompts: prompts, on: place, hasDiagnostics: hasDiagnostics)
    }

    static let marker = "MITO" + FirstStageTests.random

    /// Feeds a machine and answers what it asks for.
    static func run(_ machine: inout BootstrapMachine, _ pieces: [[UInt8]]) -> [BootstrapAction] {
        var done: [BootstrapAction] = []
        for piece in pieces {
            var actions = machine.receive(output: piece)
            while !actions.isEmpty {
                let action = actions.removeFirst()
                done.append(action)
                switch action {
                case .findImage: actions += machine.found(image)
                case .compress(_, let offers):
                    actions += machine.upload(offers[0], byteCount: 1000, sha256: FirstStageTests.key)
                default: break
                }
            }
        }
        return done
    }

    private func lastFailure(_ actions: [BootstrapAction]) -> BootstrapFailure? {
        if case .fail(let failure)? = actions.last { failure } else { nil }
    }

    /// Neighbouring pieces of frames are the same as one.
    private func joined(_ actions: [BootstrapAction], _ rest: ArraySlice<UInt8>) -> [BootstrapAction] {
        guard case .handOver(let bytes)? = actions.last else { return actions }
        return actions.dropLast() + [.handOver(bytes + rest)]
    }

    @Test("A conversation is the same at every split", arguments: ["cached", "need /bin/gzip", "ready", "odd"])
    func everySplit(kind: String) throws {
        let program: FirstStage.Program = kind == "ready" ? .executable(["/x"]) : .image(Self.image)
        let noise = "Welcome to \u{1B}[1mhost\nMITO no marker\nM"
        var text = "\(noise)\(Self.marker) Linux x86_64 \(kind)\r\n"
        if kind == "odd" { text = "\(noise)\(Self.marker) what\n\(Self.marker) Linux x86_64 cached\n" }
        if kind.hasPrefix("need") { text += "\(Self.marker) run\n" }
        let bytes = Array((text + "Mixed words\n").utf8) + Self.frame
        // What comes after an upload is not there before it.
        let upload = kind.hasPrefix("need") ? text.utf8.count - "\(Self.marker) run\n".utf8.count : 0
        func pieces(_ split: Int) -> [[UInt8]] {
            let (first, second) = (min(split, upload), max(split, upload))
            return [Array(bytes[..<first]), Array(bytes[first..<second]), Array(bytes[second...])]
        }
        var whole = try Self.machine(program)
        let expected = Self.run(&whole, pieces(0))
        #expect(expected.last == .handOver(Self.frame))
        #expect(expected.filter { $0 == .configure }.count == 1)
        for split in 0...bytes.count {
            var machine = try Self.machine(program)
            let parts = pieces(split)
            let first = Self.run(&machine, Array(parts[..<2]))
            let isOver = machine.isSettled
            let actions = first + Self.run(&machine, [parts[2]])
            try #require(joined(actions, isOver ? parts[2][...] : []) == expected, "\(split)")
        }
        var machine = try Self.machine(program)
        let single = Self.run(&machine, bytes.map { [$0] })
        #expect(joined(single, bytes.suffix(Self.frame.count - 3)) == expected)
        #expect(machine.stage == .ready)
    }

    @Test("An image that is needed is sent, the best form that the target takes first")
    func upload() throws {
        var machine = try Self.machine()
        #expect(
            machine.receive(output: "\(Self.marker) Linux x86_64 need /usr/bin/gzip /usr/bin/xz\n".utf8)
                == [.compress(Self.image, [.xz, .gzip, .none])]
        )
        #expect(machine.stage == .choosingImage)
        let actions = machine.upload(.gzip, byteCount: 42, sha256: FirstStageTests.key)
        let line = try FirstStageTests.stage()
            .uploadLine(for: Self.image, compression: .gzip, sha256: FirstStageTests.key)
        #expect(actions == [.send(Array("\(line)\n42\n".utf8)), .sendImage(.gzip, byteCount: 42)])
        #expect(machine.stage == .sendingImage)
        #expect(machine.upload(.gzip, byteCount: 42, sha256: FirstStageTests.key).isEmpty)
        #expect(machine.receive(output: "\(Self.marker) run\n".utf8) == [.configure])
        #expect(machine.stage == .starting)
    }

    @Test("Another platform's image is looked for in the cache before it is sent")
    func otherPlatform() throws {
        let arm = TargetPlatform(system: "Linux", machine: "aarch64")
        let other = BootstrapImage(key: "ab", size: 10, platform: arm)
        for answer in ["cached", "need"] {
            var machine = try Self.machine()
            let actions = machine.receive(output: "\(Self.marker) Linux aarch64 need  \n".utf8)
            #expect(actions == [.findImage(arm)])
            let line = try FirstStageTests.stage().lookupLine(for: other) + "\n"
            #expect(machine.found(other) == [.send(Array(line.utf8))])
            let next = machine.receive(output: "\(Self.marker) Linux aarch64 \(answer)\n".utf8)
            #expect(next == (answer == "need" ? [.compress(other, [.none])] : [.configure]))
        }
        var uncached = try Self.machine(.image(nil), usesCache: false)
        #expect(uncached.receive(output: "\(Self.marker) Linux aarch64 need gzip\n".utf8) == [.findImage(arm)])
        #expect(uncached.found(other) == [.compress(other, [.gzip, .none])])
    }

    @Test("A platform without an image is an error that names it", arguments: ["Linux mips64", "Darwin arm64", ""])
    func noImage(platform: String) throws {
        var machine = try Self.machine()
        _ = machine.receive(output: "\(Self.marker) \(platform) need /bin/gzip\n".utf8)
        let failure = try #require(lastFailure(machine.found(nil)))
        #expect(failure.code == .noImage)
        #expect(failure.message.contains(platform.isEmpty ? "unknown" : platform))
        let words = platform.split(separator: " ").map(String.init)
        #expect(
            failure.hint?.apiText.contains(
                "<program>-\(words.isEmpty ? "unknown-unknown" : words.joined(separator: "-"))"
            )
                == true
        )
        #expect(machine.receive(output: "\(Self.marker) Linux x86_64 cached\n".utf8).isEmpty)
    }

    @Test("A target's words about itself are made harmless before they are a part of a path")
    func hostilePlatform() throws {
        var machine = try Self.machine()
        #expect(
            machine.receive(output: "\(Self.marker) ../x a/../b need gzip\n".utf8)
                == [.findImage(TargetPlatform(system: ".._x", machine: "a_.._b"))]
        )
        let long = String(repeating: "m", count: 1000)
        let reported = TargetPlatform(reported: "../$x\u{1B}[1m", "é/\(long)")
        #expect(reported.system == "..__x__1m")
        #expect(reported.machine.utf8.count == 64 && reported.machine.hasPrefix("___mmm"))
        #expect("\(TargetPlatform(reported: "CYGWIN_NT-10.0", "x86_64"))" == "CYGWIN_NT-10.0 x86_64")
    }

    @Test("The image that is executed is known, wherever it came from")
    func executedImage() throws {
        var cached = try Self.machine()
        #expect(cached.image == nil)
        _ = cached.receive(output: "\(Self.marker) Linux x86_64 cached\n".utf8)
        #expect(cached.image == Self.image)
        var sent = try Self.machine()
        _ = Self.run(&sent, [Array("\(Self.marker) Linux x86_64 need gzip\n".utf8)])
        #expect(sent.image == Self.image)
        let other = BootstrapImage(key: "ab", size: 10, platform: .init(system: "Linux", machine: "aarch64"))
        for answer in ["cached", "need gzip"] {
            var machine = try Self.machine()
            _ = machine.receive(output: "\(Self.marker) Linux aarch64 need gzip\n".utf8)
            _ = machine.found(other)
            _ = machine.receive(output: "\(Self.marker) Linux aarch64 \(answer)\n".utf8)
            _ = machine.upload(.gzip, byteCount: 1, sha256: FirstStageTests.key)
            #expect(machine.image == other)
        }
        var executable = try Self.machine(.executable(["/x"]))
        _ = executable.receive(output: "\(Self.marker) Linux x86_64 ready\n".utf8)
        #expect(executable.image == nil)
    }

    @Test("Only a cached image that was executed and said nothing is worth another attempt")
    func anotherAttempt() throws {
        func end(_ report: String, _ line: String, _ exit: BootstrapExit) throws -> BootstrapFailure {
            var machine = try Self.machine(hasDiagnostics: false)
            _ = Self.run(&machine, [Array("\(Self.marker) Linux x86_64 \(report)\n".utf8)])
            if report != "cached" { _ = Self.run(&machine, [Array("\(Self.marker) run\n".utf8)]) }
            _ = machine.receive(output: "\(line)\n".utf8)
            _ = machine.outputDidEnd()
            return try #require(lastFailure(machine.processDidExit(exit)))
        }
        let ends: [(String, BootstrapExit)] = [
            ("Exec format error", .exited(126)), ("Permission denied", .exited(126)), ("", .signalled(11)),
        ]
        for (line, exit) in ends {
            let cached = try end("cached", line, exit)
            #expect(cached.retry == .withoutCache)
            let sent = try end("need gzip", line, exit)
            #expect(sent.retry == nil)
        }
        var late = try Self.machine()
        _ = late.receive(output: "\(Self.marker) Linux x86_64 cached\n".utf8)
        #expect(lastFailure(late.deadlineDidPass(.seconds(1)))?.retry == nil)
    }

    @Test("An executable that ends at once is told to be another program, without what a terminal would obey")
    func otherProgram() throws {
        var machine = try Self.machine(.executable(["/bin/true", "\u{1B}[1m"]), hasDiagnostics: false)
        _ = machine.receive(output: "\(Self.marker) Linux x86_64 ask\n\(Self.marker) run\n".utf8)
        _ = machine.outputDidEnd()
        let failure = try #require(lastFailure(machine.processDidExit(.exited(0))))
        #expect(failure.code == .eofError && failure.retry == nil)
        #expect(failure.message.contains("another program: /bin/true \u{FFFD}[1m"))
        #expect(failure.hint?.apiText.contains("same version") == true)
    }

    @Test("An executable's strange words are sent when they are asked for")
    func strangeWords() throws {
        var machine = try Self.machine(.executable(["/opt/it's"]))
        #expect(
            machine.receive(output: "\(Self.marker) Linux x86_64 ask\n".utf8)
                == [.send(Array((try FirstStageTests.stage().executionLine(for: ["/opt/it's"]) + "\n").utf8))]
        )
        #expect(machine.receive(output: "\(Self.marker) run\n".utf8) == [.configure])
    }

    @Test("Noise up to 64 KiB is no hindrance, more is a failure that shows it", arguments: ["\n", ""])
    func noise(end: String) throws {
        let line = String(repeating: "n", count: 63) + "\n"
        var quiet = try Self.machine()
        let noise = String(repeating: line, count: 1022) + String(repeating: "m", count: 64) + end
        #expect(quiet.receive(output: noise.utf8).isEmpty)
        #expect(quiet.receive(output: "\(Self.marker) Linux x86_64 cached\n".utf8) == [.configure])
        var loud = try Self.machine()
        let failure = try #require(lastFailure(loud.receive(output: String(repeating: line, count: 1100).utf8)))
        #expect(failure.code == .noMarker)
        #expect(failure.lines.count == 10 && failure.lines.last == String(line.dropLast()))
        var endless = try Self.machine()
        var actions: [BootstrapAction] = []
        for _ in 0..<80 { actions += endless.receive(output: [UInt8](repeating: 0x78, count: 1024)) }
        #expect(lastFailure(actions)?.code == .noMarker)
    }

    @Test("An end is reported when all that belongs to it is known, or after a while")
    func end() throws {
        var machine = try Self.machine()
        #expect(machine.diagnosticsDidEnd().isEmpty)
        #expect(machine.outputDidEnd() == [.expectEnd])
        let failure = try #require(lastFailure(machine.processDidExit(.exited(255))))
        #expect(failure.code == .eofError && failure.exit == .exited(255) && failure.stage == .connecting)
        #expect(failure.error.description.contains("exit status 255"))

        var hanging = try Self.machine()
        #expect(hanging.processDidExit(.signalled(9)) == [.expectEnd])
        #expect(hanging.receive(diagnostics: "ssh: \u{1B}[31mno route\r\nlast".utf8).isEmpty)
        #expect(hanging.outputDidEnd().isEmpty)
        let late = try #require(lastFailure(hanging.graceDidEnd()))
        #expect(late.lines == ["ssh: \u{FFFD}[31mno route", "last"])
        #expect(hanging.graceDidEnd().isEmpty)

        var noisy = try Self.machine(hasDiagnostics: false)
        _ = noisy.receive(output: "This account is currently not available.\n".utf8)
        _ = noisy.outputDidEnd()
        let nologin = try #require(lastFailure(noisy.processDidExit(.exited(1))))
        #expect(nologin.code == .loginExited && nologin.lines == ["This account is currently not available."])
    }

    @Test("What the first stage reports has a code, a message and a hint")
    func reports() throws {
        let reports: [(String, MitogenError.Code, String)] = [
            (
                "place /tmp=run /dev=write memory", .noPlaceToRun,
                "/tmp (programs do not run there), /dev (not writable)"
            ),
            ("place /tmp=space /dev=run memory", .diskFull, "/tmp (not enough space)"),
            ("size 65536 99999 gzip: stdout: No space left on device", .diskFull, "65536 of 99999 bytes"),
            ("size 1 9 cat: write error: Disk quota exceeded", .diskFull, "quota"),
            ("size 1000 1001", .truncatedUpload, "1000 of 1001 bytes"),
            ("size 10 20 gzip: stdin: unexpected end of file", .truncatedUpload, "10 of 20 bytes"),
            ("size 0 9 gzip: stdin: not in gzip format", .checksumMismatch, "not in gzip format"),
            ("size 10 9", .checksumMismatch, "10 instead of 9 bytes"),
            ("checksum 00ff -", .checksumMismatch, "another content"),
            ("odd \u{1B}[1m text", .streamError, "odd \u{FFFD}[1m text"),
        ]
        for (report, code, text) in reports {
            var machine = try Self.machine()
            _ = Self.run(&machine, [Array("\(Self.marker) Linux x86_64 need gzip\n".utf8)])
            let failure = try #require(lastFailure(machine.receive(output: "\(Self.marker)-error \(report)\n".utf8)))
            #expect(failure.code == code && failure.stage == .sendingImage)
            #expect(failure.error.message.contains(text), "\(failure.error.message)")
            #expect(code == .streamError || failure.hint != nil)
            #expect(machine.stage == .sendingImage && machine.isSettled)
        }
    }

    @Test("A program that is not executed is told apart by what is said and the exit status")
    func execution() throws {
        let ends: [(String, BootstrapExit, MitogenError.Code)] = [
            ("sh: 1: exec: /x: Exec format error", .exited(126), .wrongArchitecture),
            ("bash: /x: cannot execute binary file: Exec format error", .exited(126), .wrongArchitecture),
            ("/x: line 1: ELF: not found", .exited(127), .wrongArchitecture),
            ("sh: 1: exec: /x: Permission denied", .exited(126), .executeError),
            ("sh: 1: exec: /x: not found", .exited(127), .executeError),
            ("agent: a thread cannot be made", .exited(1), .eofError),
        ]
        for (line, exit, code) in ends {
            for merged in [false, true] {
                var machine = try Self.machine(hasDiagnostics: !merged)
                _ = machine.receive(output: "\(Self.marker) Linux x86_64 cached\n".utf8)
                _ = merged ? machine.receive(output: line.utf8) : machine.receive(diagnostics: line.utf8)
                _ = machine.outputDidEnd()
                _ = machine.diagnosticsDidEnd()
                let failure = try #require(lastFailure(machine.processDidExit(exit)))
                #expect(failure.code == code && failure.stage == .starting && failure.wasCached)
                #expect(failure.lines == [line])
            }
        }
    }

    @Test("The deadline and other failures say how far it had come")
    func deadline() throws {
        var machine = try Self.machine()
        _ = machine.receive(output: "Password for rescue: ".utf8)
        let failure = try #require(lastFailure(machine.deadlineDidPass(.seconds(30))))
        #expect(failure.code == .timeoutError && failure.lines == ["Password for rescue:"])
        #expect(machine.deadlineDidPass(.seconds(30)).isEmpty)
        var cut = try Self.machine()
        _ = Self.run(&cut, [Array("\(Self.marker) Linux x86_64 need gzip\n".utf8)])
        _ = cut.outputDidEnd()
        let end = try #require(lastFailure(cut.graceDidEnd()))
        #expect(end.code == .connectionLost && end.stage == .sendingImage)
    }

    @Test("Questions are answered where they are asked, and only before the far side speaks")
    func prompts() throws {
        var sudo = try Self.machine(prompts: PromptMachine(.sudo, hasPassword: true))
        #expect(sudo.receive(output: "mitogen-sudo-prompt:".utf8).isEmpty)
        #expect(sudo.receive(diagnostics: "mitogen-sudo-prompt:".utf8) == [.typePassword])
        #expect(sudo.receive(output: "\n\(Self.marker) Linux x86_64 cached\n".utf8) == [.configure])
        #expect(sudo.receive(diagnostics: "mitogen-sudo-prompt:".utf8).isEmpty)

        var su = try Self.machine(
            prompts: PromptMachine(.su(), hasPassword: true),
            on: .output,
            hasDiagnostics: false
        )
        #expect(su.receive(output: "Password: ".utf8) == [.typePassword])
        let failure = try #require(lastFailure(su.receive(output: "\r\nsu: Authentication failure\r\n".utf8)))
        #expect(failure.code == .passwordError)
        #expect(failure.lines == ["Password:", "su: Authentication failure"])
    }

    @Test("A tool's account of what it does is not in the error")
    func account() throws {
        var machine = try Self.machine(prompts: PromptMachine(.ssh(), hasPassword: false))
        _ = machine.receive(diagnostics: "OpenSSH\r\ndebug1: one\r\n\rdebug3: two".utf8)
        _ = machine.receive(diagnostics: " parts\r\nclosed\r\ndebug2: unfinished".utf8)
        _ = machine.processDidExit(.exited(255))
        let failure = try #require(lastFailure(machine.graceDidEnd()))
        #expect(failure.lines == ["OpenSSH", "closed"])
    }
}
