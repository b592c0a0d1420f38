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
///
/// A class, because it is large: each closure that has it would copy all of it, which is several KB of every payload.
final class ProgramCopy: Sendable {
    let stage: FirstStage
    let tool: ConnectionTool
    let commands: ProgramCopyCommands

    init(stage: FirstStage, tool: ConnectionTool, commands: ProgramCopyCommands) {
        self.stage = stage
        self.tool = tool
        self.commands = commands
    }

    private var path: String { CommandTemplate.fill(commands.path, stage.random) }

    /// Whether there is anything to copy: not if the program is there already.
    var isNeeded: Bool {
        if case .executable = stage.program { false } else { true }
    }

    /// Runs the program, which removes its own file first if it may.
    var plan: ConnectionPlan {
        let words = commands.runTakesWords ? words : []
        let arguments = commands.run.arguments(running: words, random: stage.random)
        return ConnectionPlan(tool: tool, arguments: arguments, startsProgram: true)
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
    /// - Returns: The command's process, and what removes the file from now on if this program ends before its time. It
    ///   is to be triggered when that process has ended: until then there may be more to remove.
    func start(
        _ images: ImageStore,
        on broker: Broker,
        whenDone: @escaping @Sendable (MitogenError?) -> Void
    ) throws(MitogenError) -> (ChildProcess, Watchdog?) {
        // A file, so that the command gets all of it, even if this program is killed.
        let archive = try self.archive(images)
        defer { if let archive { _ = systemClose(archive) } }
        let input = archive.map { SpawnDescriptor.descriptor($0) } ?? .null
        let copying = commands.copy.arguments(random: stage.random, file: Self.pathForOthers(images.path))
        var watchdog: Watchdog?
        if let removal {
            // What is there only in part cannot run: it is copied once more, unless that was done to the end.
            let script = "\(ProgramCopyCommands.quoted(copying)) </proc/self/fd/4;exec \"$@\""
            watchdog = try Watchdog(["sh", "-c", script, "sh"] + removal, file: input, on: broker)
        }
        let process = try startTool(copying, input, broker)
        process.process.whenEnded { [self, watchdog] status in
            // The words before those of the removal.
            if status == .exited(0) { watchdog?.skip(words: 4) }
            process.reportEnd(within: .seconds(1)) { [self] _ in
                whenDone(status == .exited(0) ? nil : failure(status, process.lastLines))
            }
        }
        return (process, watchdog)
    }

    /// The program as the command takes it, open at the beginning; nil if the command reads the file itself.
    private func archive(_ images: ImageStore) throws(MitogenError) -> Int32? {
        _ = try images.own()
        guard !commands.readsLocalFile else { return nil }
        guard let program = ImageFiles.contents(of: images.path) else {
            throw MitogenError(.imageUnusable, "cannot read the image \(images.path)")
        }
        let header = TarArchive.header(name: String(path.drop { $0 == "/" }), size: program.count)
        guard let file = ImageFiles.temporary(header + program + TarArchive.trailer(size: program.count)) else {
            throw MitogenError(.imageUnusable, "cannot copy the image \(images.path)")
        }
        return file
    }

    /// A path that leads another process to the same file: its own one, as tools may copy a link as a link, or where
    /// it has none any more, one that the kernel follows.
    private static func pathForOthers(_ path: String) -> String {
        guard path == "/proc/self/exe" else { return path }
        guard let resolved = realpath(path, nil) else { return "/proc/\(getpid())/exe" }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private func startTool(
        _ arguments: [String],
        _ input: SpawnDescriptor,
        _ broker: Broker
    ) throws(MitogenError) -> ChildProcess {
        var pipe: [Int32] = [0, 0]
        let piped = cmitogen_pipe(&pipe, true)
        guard piped >= 0 else { throw .system("cannot make a pipe", errno: -piped) }
        defer { _ = systemClose(pipe[1]) }
        do throws(MitogenError) {
            let spawned = try SpawnedProcess(
                SpawnRequest(
                    arguments: arguments,
                    environment: ProcessIdentity.environment,
                    directory: nil,
                    descriptors: (input, .descriptor(pipe[1]), .descriptor(pipe[1]))
                ),
                broker: broker
            )
            return ChildProcess(process: spawned, diagnostics: pipe[0], broker: broker) { _ in }
        } catch {
            _ = systemClose(pipe[0])
            throw error
        }
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
            hint: "the file system may be read-only\(.executableInImage)" + (tool.container?.hintWithoutShell ?? "")
        )
    }
}
