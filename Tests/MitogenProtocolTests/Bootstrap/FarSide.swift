//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import MitogenProtocol

/// A real shell that runs a first stage, with a ``BootstrapMachine`` on the near side.
final class FarSide {
    struct Options: Sendable {
        /// The shell that gets the command, as a login shell would.
        var loginShell = ["/bin/sh"]
        /// Shell commands that run first, in a mount namespace of their own if there are any.
        var preparation: String?
        /// Whether `preparation` needs a mount namespace.
        var mounts = false
        var environment: [String: String] = [:]
        var program: FirstStage.Program?
        var usesCache = true
        var replacesCached = false
        var compression = ImageCompression.gzip
        /// What is sent instead of the image's compressed bytes.
        var upload: [UInt8]?
        /// After how many bytes of all that is sent for the upload the link is cut.
        var cut: Int?
        /// Whether the cut leaves the way back.
        var cutsInputOnly = false
        /// How many bytes the link holds in each direction, if not what is usual.
        var linkCapacity: Int32?
        /// Whether the far side's input is left non-blocking.
        var isNonBlocking = false
        var image = DummyImage.shared
    }

    struct Outcome: Sendable {
        var failure: BootstrapFailure?
        /// The words of the dummy image's answer: argc, argv[1], MITOGEN_UNLINK, SWIFT_ROOT, umask, path, its input.
        var answer: [String] = []
        var wasSent = false
        var diagnostics = ""
        var exitStatus: Int32 = 0
        var secondsToEnd = 0.0
    }

    private let options: Options
    private let process = Process()
    private let socket: Int32
    private let diagnostics = Pipe()
    private var machine: BootstrapMachine
    private var outcome = Outcome()
    private var sent = 0
    /// Names this attempt in the environment of all its processes.
    let tag = UUID().uuidString

    init(_ options: Options) throws {
        self.options = options
        let stage = try Self.stage(options, random: tag.filter { $0 != "-" })
        machine = BootstrapMachine(stage, hasDiagnostics: false)
        var command = options.loginShell + ["-c", stage.shellCommand]
        if let preparation = options.preparation {
            command = ["/bin/sh", "-c", "\(preparation)\nexec \"$@\"", "sh"] + command
            if options.mounts { command = ["/usr/bin/unshare", "-m"] + command }
        }
        var sockets: [Int32] = [0, 0]
        socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &sockets)
        socket = sockets[0]
        if var capacity = options.linkCapacity {
            for end in sockets {
                for option in [SO_SNDBUF, SO_RCVBUF] {
                    setsockopt(end, SOL_SOCKET, option, &capacity, socklen_t(MemoryLayout<Int32>.size))
                }
            }
        }
        if options.isNonBlocking { _ = fcntl(sockets[1], F_SETFL, fcntl(sockets[1], F_GETFL) | O_NONBLOCK) }
        let far = FileHandle(fileDescriptor: sockets[1], closeOnDealloc: false)
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        process.environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "BOOT_TAG": tag]
            .merging(options.environment) { $1 }
        process.currentDirectoryURL = URL(fileURLWithPath: "/")
        process.standardInput = far
        process.standardOutput = far
        process.standardError = diagnostics
        try process.run()
        close(sockets[1])
    }

    deinit { close(socket) }

    static func stage(
        _ options: Options,
        random: String = "0123456789abcdef0123456789ABCDEF"
    ) throws(MitogenError) -> FirstStage {
        try FirstStage(
            program: options.program ?? .image(options.image?.image),
            usesCache: options.usesCache,
            replacesCached: options.replacesCached,
            remoteName: "me@test:1",
            random: random
        )
    }

    /// Plays the near side until the far side has ended.
    func run() -> Outcome {
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = recv(socket, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            perform(machine.receive(output: buffer[..<count]))
        }
        perform(machine.outputDidEnd())
        let said = diagnostics.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        outcome.diagnostics = String(decoding: said, as: UTF8.self)
        outcome.exitStatus = process.terminationStatus
        perform(machine.processDidExit(.exited(process.terminationStatus)))
        return outcome
    }

    /// Cuts the link, and measures how long the far side lives on.
    func cutLink() {
        let start = ContinuousClock.now
        shutdown(socket, Int32(SHUT_RDWR))
        while isAlive, start.duration(to: .now) < .seconds(5) { usleep(2000) }
        outcome.secondsToEnd = start.duration(to: .now) / .seconds(1)
    }

    /// Whether any process of this attempt is left.
    var isAlive: Bool { !processes.isEmpty }

    /// The processes of this attempt, zombies not counted.
    private var processes: [String] {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return all.filter { Int($0) != nil && isOurs($0) }
    }

    private func isOurs(_ pid: String) -> Bool {
        guard let environment = FileManager.default.contents(atPath: "/proc/\(pid)/environ") else { return false }
        return environment.range(of: Data("BOOT_TAG=\(tag)".utf8)) != nil
    }

    /// Clock ticks that the processes of this attempt have used.
    var ticks: Int {
        processes.reduce(0) { sum, pid in
            let text = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ""
            let fields = text.drop { $0 != ")" }.split(separator: " ")
            return sum + fields.dropFirst(12).prefix(2).compactMap { Int($0) }.reduce(0, +)
        }
    }

    private func perform(_ actions: [BootstrapAction]) {
        guard let dummy = options.image else { return }
        for action in actions {
            switch action {
            case .send(let bytes): send(bytes)
            case .findImage: perform(machine.found(dummy.image))
            case .compress:
                let upload = content(dummy)
                perform(machine.upload(options.compression, byteCount: upload.count, sha256: dummy.sha256))
            case .sendImage:
                outcome.wasSent = true
                send(content(dummy))
            case .configure: send(Array("configuration\n".utf8))
            case .handOver(let bytes):
                answer(bytes)
            case .fail(let failure):
                outcome.failure = failure
                shutdown(socket, Int32(SHUT_WR))
            case .typePassword, .typePassphrase, .acceptHostKey, .expectEnd: break
            }
        }
    }

    private func content(_ dummy: DummyImage) -> [UInt8] {
        options.upload ?? dummy.content(options.compression)
    }

    /// The answer is one line; the program ends when its input does.
    private func answer(_ bytes: [UInt8]) {
        var text = bytes
        var byte: UInt8 = 0
        while text.last != 10, recv(socket, &byte, 1, 0) == 1 { text.append(byte) }
        outcome.answer = String(decoding: text.dropFirst(3), as: UTF8.self).split(separator: " ").map {
            $0.trimmingCharacters(in: .newlines)
        }
        shutdown(socket, Int32(SHUT_WR))
    }

    private func send(_ bytes: [UInt8]) {
        let limit = options.cut.map { max(0, min(bytes.count, $0 - sent)) } ?? bytes.count
        var rest = bytes[..<limit]
        sent += limit
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { break }
            rest = rest.dropFirst(count)
        }
        guard limit < bytes.count else { return }
        if options.cutsInputOnly { shutdown(socket, Int32(SHUT_WR)) } else { cutLink() }
    }
}
