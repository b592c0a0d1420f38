//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import MitogenProtocol

/// How a program gets into a container that has no shell: the engine copies it into the root folder and runs it.
struct ProgramCopy: Sendable {
    let stage: FirstStage
    /// docker or podman, with its own arguments.
    let engine: [String]
    let container: ContainerTarget

    private var file: String { ".mitogen-\(stage.random)" }

    /// Whether there is anything to copy: not if the container has the program already.
    var isNeeded: Bool {
        if case .executable = stage.program { false } else { true }
    }

    /// The command line that takes an archive on its standard input.
    var arguments: [String] { engine + ["cp", "-", "\(container.name):/"] }

    /// Runs the program, which removes its own file first if it may.
    var plan: ConnectionPlan {
        let user = container.username.map { ["--user=\($0)"] } ?? []
        var plan = ConnectionPlan(arguments: run(user + ["--interactive"], words), container: container)
        plan.startsProgram = true
        return plan
    }

    /// Runs the program once more, as root, only to remove its file: the container has nothing else that could do it,
    /// and another user may not remove what is in the root folder.
    var removal: [String] { run(["--user=0"], ["/\(file)", "mitogen:removal"]) }

    private var words: [String] {
        if case .executable(let words) = stage.program { return words + [stage.argument] }
        return ["/\(file)", stage.argument]
    }

    private func run(_ options: [String], _ words: [String]) -> [String] {
        // The program needs SWIFT_ROOT where there is no /proc.
        let environment = ["--env=SWIFT_ROOT=/"] + (isNeeded ? ["--env=MITOGEN_UNLINK=/\(file)"] : [])
        return engine + ["exec"] + options + environment + [container.name] + words
    }

    /// Runs ``removal``. Nobody waits for it, and it fails where the program has removed its file itself.
    func remove(on broker: Broker) {
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

    /// Starts the engine's copying.
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
            (process, input) = try startEngine(broker)
        } catch {
            _ = systemClose(file)
            throw error
        }
        process.process.whenEnded { status in
            process.reportEnd(within: .seconds(1)) { _ in
                whenDone(status == .exited(0) ? nil : failure(status, process.lastLines))
            }
        }
        // Unstructured, because it belongs to the engine's process: it ends when that does, for then nobody reads.
        Task(executorPreference: FunctionExecutor.shared) {
            write(file, size: image.size, to: input)
            _ = systemClose(file)
            _ = systemClose(input)
        }
        return process
    }

    private func startEngine(_ broker: Broker) throws(MitogenError) -> (ChildProcess, Int32) {
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
                    arguments: arguments,
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
        guard Self.writeAll(TarArchive.header(name: self.file, size: size), to: output) else { return }
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
        MitogenError(
            .noShell,
            "the container \(container.name) has no sh, and \(container.tool.rawValue) could not copy the program into "
                + "its root folder (\(status))",
            diagnostics: lines,
            hint: "where the container's file system is read-only, put the program into the image and name it with "
                + "`executable`"
        )
    }
}
