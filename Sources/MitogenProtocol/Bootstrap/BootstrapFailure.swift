//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// How the tool that made the connection ended.
package enum BootstrapExit: Sendable, Hashable, CustomStringConvertible {
    case exited(Int32)
    case signalled(Int32)

    package var description: String {
        switch self {
        case .exited(let status): "exit status \(status)"
        case .signalled(let signal): "ended by signal \(signal)"
        }
    }
}

/// Why an attempt to connect has failed, with everything that helps a person to do something about it.
package struct BootstrapFailure: Error, Sendable, Equatable {
    /// How far it had come.
    package let stage: ConnectionReport.Stage
    package let code: MitogenError.Code
    package let message: String
    package var hint: Hint?
    /// How the tool ended, if it has.
    package var exit: BootstrapExit?
    /// The last lines that the tool and the far side have said.
    package var lines: [String] = []
    /// The folders that were tried, with what was wrong with each.
    package var tried: [String] = []
    /// Whether it was a cached image that could not be executed.
    package var wasCached = false
    /// In which way another attempt may work.
    package var retry: ConnectionRetries.Reason?

    package var error: MitogenError {
        var text = message
        if !tried.isEmpty { text += "; tried \(tried.joined(separator: ", "))" }
        if let exit { text += " (\(exit))" }
        return MitogenError(code, text, diagnostics: lines.suffix(Transcript.shownLines), hint: hint)
    }

    /// There is no image for a platform.
    ///
    /// - Parameter path: Where a file with it would have been found.
    package static func noImage(
        for platform: TargetPlatform,
        at path: String?,
        stage: ConnectionReport.Stage = .choosingImage
    ) -> BootstrapFailure {
        let place = path ?? "<program>-\(platform.system)-\(platform.machine)"
        return BootstrapFailure(
            stage: stage,
            code: .noImage,
            message: "there is no image of this program for the target's platform, \(platform)",
            hint: "build the program for it, and put that at \(place)\(.payloadProvider)\(.executableElsewhere)"
        )
    }
}

extension BootstrapFailure {
    /// Understands what the first stage says about its own failure.
    init(reportedStage: String, text: String, during stage: ConnectionReport.Stage) {
        switch reportedStage {
        case "place": self = Self.place(text, stage)
        case "size": self = Self.size(text, stage)
        case "checksum":
            self = Self(
                stage: stage,
                code: .checksumMismatch,
                message: "the image arrived with another content than was sent",
                hint: "the link or the target's disk damages data; try again"
            )
        default:
            self = Self(
                stage: stage,
                code: .streamError,
                message: "the first stage failed: \(Transcript.printable(Array("\(reportedStage) \(text)".utf8)))"
            )
        }
    }

    private static func place(_ text: String, _ stage: ConnectionReport.Stage) -> BootstrapFailure {
        let words = Transcript.printable(Array(text.utf8)).split(separator: " ")
        let reasons = [
            "write": "not writable", "run": "programs do not run there", "space": "not enough space",
            "inodes": "no inodes left",
        ]
        let tried = words.map { word in
            guard let equals = word.lastIndex(of: "="), let reason = reasons[String(word[word.index(after: equals)...])]
            else { return word == "memory" ? "memory (needs /proc and perl or python3)" : String(word) }
            return "\(word[..<equals]) (\(reason))"
        }
        let isFull = words.contains { $0.hasSuffix("=space") }
        if !isFull, words.contains(where: { $0.hasSuffix("=inodes") }) {
            return BootstrapFailure(
                stage: stage,
                code: .diskFull,
                message: "no folder of the target has inodes left for one more file and lets it run",
                hint: "remove files there (`df -i` counts inodes, or a quota has a limit for them), or set TMPDIR to a "
                    + "folder of another file system",
                tried: tried
            )
        }
        return BootstrapFailure(
            stage: stage,
            code: isFull ? .diskFull : .noPlaceToRun,
            message: isFull
                ? "no folder of the target has space for the program and lets it run"
                : "no folder of the target lets a program be written and run",
            hint: isFull
                ? "free some space there, or set TMPDIR to a folder that has it"
                : "set TMPDIR to a folder where programs run, or mount one\(.executableElsewhere)",
            tried: tried
        )
    }

    private static func size(_ text: String, _ stage: ConnectionReport.Stage) -> BootstrapFailure {
        let words = Transcript.printable(Array(text.utf8)).split(separator: " ", maxSplits: 2)
        let said = words.count > 2 ? String(words[2]) : ""
        let (arrived, expected) = (
            words.first.flatMap { Int($0) } ?? 0, words.dropFirst().first.flatMap { Int($0) } ?? 0
        )
        func mentions(_ texts: String...) -> Bool { texts.contains { ByteSearch.contains(said, $0) } }
        let detail = said.isEmpty ? "" : ": \(said)"
        if mentions("no space left", "quota", "file too large", "file size limit") {
            return BootstrapFailure(
                stage: stage,
                code: .diskFull,
                message: "the target's disk was full after \(arrived) of \(expected) bytes of the image\(detail)",
                hint: "free some space there, or set TMPDIR to a folder that has it"
            )
        }
        if arrived < expected, said.isEmpty || mentions("unexpected end", "short read") {
            return BootstrapFailure(
                stage: stage,
                code: .truncatedUpload,
                message: "the image was cut short on its way: \(arrived) of \(expected) bytes arrived\(detail)",
                hint: "something between here and the target closes its input early, such as a wrapper or a "
                    + "`ProxyCommand`; try again"
            )
        }
        return BootstrapFailure(
            stage: stage,
            code: .checksumMismatch,
            message: "the image arrived damaged, with \(arrived) instead of \(expected) bytes\(detail)",
            hint: "the link damages data, or the target's decompressor does not work"
        )
    }

    /// Understands an end without a word of the first stage.
    ///
    /// - Parameters:
    ///   - program: What was to run.
    ///   - noiseSize: How much else came on the far side's standard output.
    ///   - tool: What the tool says when it fails.
    static func ended(
        stage: ConnectionReport.Stage,
        exit: BootstrapExit?,
        lines: [String],
        program: FirstStage.Program,
        noiseSize: Int,
        tool: ToolFailures
    ) -> BootstrapFailure {
        if case .python(let python) = program, let failure = pythonEnded(python, stage, exit, lines, tool) {
            return failure
        }
        switch stage {
        case .connecting:
            if tool.hasLoginShell, ToolFailures.refusesExec(lines, exit) { return execRefused }
            if let known = tool.failure(in: lines) { return known }
            return noiseSize > 0 ? otherProgram(exit) : noAnswer(exit, isSilent: lines.isEmpty, tool)
        case .choosingImage, .sendingImage:
            return BootstrapFailure(
                stage: stage,
                code: .connectionLost,
                message: "the connection ended while the image was being sent",
                hint: "the link was cut, or the tool or the target's shell was ended: see the target's log "
                    + "(`journalctl -u ssh`, `dmesg`) and try again"
            )
        case .starting, .ready:
            return execution(stage, exit, lines, program)
        }
    }

    /// Understands the end of a Python interpreter, or of the shell that is to execute it; nil for one of the tool.
    private static func pythonEnded(
        _ python: PythonStage,
        _ stage: ConnectionReport.Stage,
        _ exit: BootstrapExit?,
        _ lines: [String],
        _ tool: ToolFailures
    ) -> BootstrapFailure? {
        let interpreter = Transcript.printable(Array((python.words.first ?? "").utf8))
        if stage != .connecting {
            return BootstrapFailure(
                stage: stage,
                code: .eofError,
                message: "\(interpreter) ended before it was ready",
                hint: "its last lines say why; it must be Python 2.7, or 3.6 or later\(.otherInterpreter)"
            )
        }
        guard exit == .exited(126) || exit == .exited(127), tool.failure(in: lines) == nil else { return nil }
        return BootstrapFailure(
            stage: stage,
            code: .executeError,
            message: "the target did not execute \(interpreter)",
            hint: "\(exit == .exited(127) ? "it is not there" : "it may not be executed")\(.otherInterpreter)"
        )
    }

    private static var execRefused: BootstrapFailure {
        var failure = BootstrapFailure(
            stage: .connecting,
            code: .noLoginShell,
            message: "the login shell does not run the first stage",
            hint:
                "a restricted shell (rbash) runs only what is in its own PATH, which needs `sh`: give the account another "
                + "shell with `usermod -s /bin/sh USER`, or log in as another user"
        )
        failure.retry = .withoutExec
        return failure
    }

    /// Something was printed, and then it was over.
    private static func otherProgram(_ exit: BootstrapExit?) -> BootstrapFailure {
        if exit == .exited(0) {
            return BootstrapFailure(
                stage: .connecting,
                code: .forcedCommand,
                message: "the target ran something else than the first stage, without an error",
                hint: "look for `ForceCommand` in its sshd_config and `command=` in its authorized_keys, and for "
                    + "login scripts that call `exit`"
            )
        }
        return loginExited("after it had printed something")
    }

    private static func noAnswer(_ exit: BootstrapExit?, isSilent: Bool, _ tool: ToolFailures) -> BootstrapFailure {
        if exit == .exited(127) || exit == .exited(126) {
            return BootstrapFailure(
                stage: .connecting,
                code: .eofError,
                message: "the connection ended before the target's shell answered",
                hint: "the tool, or `sh` on the target, was not found or may not be executed"
            )
        }
        // A tool that fails itself says why. What ends without a word is a login shell.
        if isSilent, tool.hasLoginShell, case .exited(let status) = exit, status != 255 {
            return loginExited("without a word")
        }
        return BootstrapFailure(
            stage: .connecting,
            code: .eofError,
            message: "the connection ended before the target's shell answered",
            hint: "the last lines, if any, say why; run the tool by hand, with a command such as `true`"
        )
    }

    private static func loginExited(_ detail: String) -> BootstrapFailure {
        BootstrapFailure(
            stage: .connecting,
            code: .loginExited,
            message: "the login ended before the first stage ran, \(detail)",
            hint: "look for `exit` and failing commands in the login scripts (~/.bashrc, ~/.profile, /etc/profile.d, "
                + "~/.config/fish, ~/.cshrc), and at the account's shell (`getent passwd USER`)"
        )
    }

    private static func execution(
        _ stage: ConnectionReport.Stage,
        _ exit: BootstrapExit?,
        _ lines: [String],
        _ program: FirstStage.Program
    ) -> BootstrapFailure {
        func mentions(_ texts: String...) -> Bool {
            lines.contains { line in texts.contains { ByteSearch.contains(line, $0) } }
        }
        let isRefused = exit == .exited(126) || exit == .exited(127)
        // A shell that gets "exec format error" may try to read the program as a script.
        if mentions("exec format error", "cannot execute binary file", "elf: not found")
            || mentions("syntax error") && !isRefused
        {
            return BootstrapFailure(
                stage: stage,
                code: .wrongArchitecture,
                message: "the program is for another kind of machine than the target",
                hint: "build it for the target's processor and system, as `uname -sm` says them there"
            )
        }
        if isRefused {
            return BootstrapFailure(
                stage: stage,
                code: .executeError,
                message: "the target did not execute the program",
                hint: exit == .exited(127)
                    ? "it is not there, or needs a dynamic loader that is not there"
                    : "it may not be executed: check its mode, the mount's noexec and the security policy"
            )
        }
        guard case .executable(let words) = program else {
            return BootstrapFailure(stage: stage, code: .eofError, message: "the program ended before it was ready")
        }
        let command = Transcript.printable(Array(words.joined(separator: " ").utf8))
        return BootstrapFailure(
            stage: stage,
            code: .eofError,
            message: "`executable` ended before it was ready, so it is probably another program: \(command)",
            hint: "it must be the same version of this program, or a wrapper that executes that with one more argument"
        )
    }
}
