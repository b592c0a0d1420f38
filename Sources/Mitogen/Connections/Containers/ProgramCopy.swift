//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import MitogenProtocol

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// How a program gets to where no shell is: a command copies it there, and another one runs it.
struct ProgramCopy: Sendable {
    let stage: FirstStage
    let tool: ConnectionTool
    let commands: ProgramCopyCommands

    private var path: String { CommandTemplate.fill(commands.path, stage.random) }

    /// Whether there is anything to copy: not if the program is there already.
    var isNeeded: Bool {
        if case .executable = stage.program { false } else { true }
    }

    /// Runs the program, which removes its own file first if it may.
    var plan: ConnectionPlan {
        let words = commands.runTakesWords ? words : []
        var plan = ConnectionPlan(tool, commands.run.arguments(running: words, random: stage.random))
        plan.startsProgram = true
        return plan
    }

    /// Runs the program once more, only to remove its file.
    private var removal: [String]? {
        commands.removal?.arguments(running: [path, "mitogen:removal"], random: stage.random)
    }

    /// The command that removes what is left.
    var cleanUp: [String]? { commands.cleanUp?.arguments(random: stage.random) }

    private var words: [String] {
        if case .executable(let words) = stage.program { return words + [stage.argument] }
        return [path, stage.argument]
    }

    /// Runs ``removal``. Nobody waits for it, and it fails where the program has removed its file itself.
    func remove(on broker: Broker) {
        guard let removal else { return }
        _ = try? SpawnedProcess(
            SpawnRequest(
                arguments: removal,
                environment: ProcessIdentity.environment,
                directory: nil,
                descriptors: (.null, .null, .null)
            ),
            broker: broker
        )
    }

    // MARK: Copying

    /// Starts the copying.
    ///
    /// - Parameter whenDone: Called once, on the Broker's thread, with what went wrong, if anything did.
    func start(
        _ images: ImageStore,
        on broker: Broker,
        whenDone: @escaping @Sendable (MitogenError?) -> Void
    ) throws(MitogenError) -> ChildProcess {
        let image = try images.own()
        let file = cmitogen_open_for_reading(images.path)
        guard file >= 0 else { throw .system("cannot read the image \(images.path)", errno: -file, .imageUnusable) }
        let process: ChildProcess
        let input: Int32
        do throws(MitogenError) {
            (process, input) = try startTool(broker, file: Self.pathForOthers(images.path))
        } catch {
            _ = systemClose(file)
            throw error
        }
        process.process.whenEnded { status in
            process.reportEnd(within: .seconds(1)) { _ in
                whenDone(status == .exited(0) ? nil : failure(status, process.lastLines))
            }
        }
        // Unstructured, because it belongs to the tool's process: it ends when that does, for then nobody reads.
        Task(executorPreference: FunctionExecutor.shared) {
            if !commands.readsLocalFile { write(file, size: image.size, to: input) }
            _ = systemClose(file)
            _ = systemClose(input)
        }
        return process
    }

    /// A path that leads another process to the same file: its own one, as tools may copy a link as a link, or where
    /// it has none any more, one that the kernel follows.
    private static func pathForOthers(_ path: String) -> String {
        guard path == "/proc/self/exe" else { return path }
        guard let resolved = realpath(path, nil) else { return "/proc/\(getpid())/exe" }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private func startTool(_ broker: Broker, file: String) throws(MitogenError) -> (ChildProcess, Int32) {
        var sockets: [Int32] = [0, 0]
        let made = cmitogen_socketpair(&sockets)
        guard made >= 0 else { throw .system("cannot make a socket pair", errno: -made) }
        _ = cmitogen_set_nonblocking(sockets[0], false)
        var pipe: [Int32] = [0, 0]
        let piped = cmitogen_pipe(&pipe, true)
        guard piped >= 0 else {
            for socket in sockets { _ = systemClose(socket) }
            throw .system("cannot make a pipe", errno: -piped)
        }
        defer {
            _ = systemClose(sockets[1])
            _ = systemClose(pipe[1])
        }
        do throws(MitogenError) {
            let spawned = try SpawnedProcess(
                SpawnRequest(
                    arguments: commands.copy.arguments(random: stage.random, file: file),
                    environment: ProcessIdentity.environment,
                    directory: nil,
                    descriptors: (.descriptor(sockets[1]), .descriptor(pipe[1]), .descriptor(pipe[1]))
                ),
                broker: broker
            )
            return (ChildProcess(process: spawned, diagnostics: pipe[0], broker: broker) { _ in }, sockets[0])
        } catch {
            _ = systemClose(sockets[0])
            _ = systemClose(pipe[0])
            throw error
        }
    }

    private func write(_ file: Int32, size: Int, to output: Int32) {
        guard Self.writeAll(TarArchive.header(name: String(path.drop { $0 == "/" }), size: size), to: output) else {
            return
        }
        var buffer = [UInt8](repeating: 0, count: 256 << 10)
        var rest = size
        while rest > 0 {
            let count = cmitogen_read(file, &buffer, min(buffer.count, rest))
            guard count > 0, Self.writeAll(buffer[..<count], to: output) else { return }
            rest -= count
        }
        _ = Self.writeAll(TarArchive.trailer(size: size), to: output)
    }

    private static func writeAll(_ bytes: some RandomAccessCollection<UInt8>, to output: Int32) -> Bool {
        bytes.withContiguousStorageIfAvailable { bytes in
            var written = 0
            while written < bytes.count {
                let start = bytes.baseAddress.map { UnsafeRawPointer($0) + written }
                let count = cmitogen_write2(output, start, bytes.count - written, nil, 0)
                guard count > 0 else { return false }
                written += count
            }
            return true
        } ?? false
    }

    private func failure(_ status: ExitStatus, _ lines: [String]) -> MitogenError {
        if commands.isOnlyWay {
            let command = commands.copy.before.first ?? ""
            return MitogenError(
                .eofError,
                "\(command) could not copy the program to \(path) there (\(status))",
                diagnostics: lines,
                hint: "run the command that copies by hand; the file has another name each time"
            )
        }
        let place = tool.container?.description ?? tool.program
        return MitogenError(
            .noShell,
            "\(place) has no sh, and \(tool.program) could not copy the program to \(path) there (\(status))",
            diagnostics: lines,
            hint: "where the file system is read-only, put the program into the image and name it with `executable`"
        )
    }
}
