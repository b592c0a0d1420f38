//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform

/// The descriptors between this process and the tool that makes a connection.
struct ConnectionEnds {
    /// Here: what the connection is read from and written to.
    let stream: Int32
    /// Here: what the tool's diagnostics are read from; nil if they come with the stream.
    let diagnostics: Int32?
    /// There: descriptors 0, 1 and 2.
    let descriptors: (SpawnDescriptor, SpawnDescriptor, SpawnDescriptor)
    let terminalPath: String?
    private let farEnds: [Int32]

    /// There, without a terminal: the connection, and the diagnostics.
    var farDescriptors: [Int32] { farEnds }

    init(terminal: ConnectionMethod.CustomOptions.TerminalUse) throws(MitogenError) {
        if terminal == .all {
            let (master, path) = try Self.openTerminal()
            stream = master
            diagnostics = nil
            descriptors = (.terminal, .terminal, .terminal)
            terminalPath = path
            farEnds = []
            return
        }
        var sockets: [Int32] = [0, 0]
        let made = cmitogen_socketpair(&sockets)
        guard made >= 0 else { throw .system("cannot make a socket pair", errno: -made) }
        stream = sockets[0]
        let socket = SpawnDescriptor.descriptor(sockets[1])
        do throws(MitogenError) {
            if terminal == .diagnostics {
                let (master, path) = try Self.openTerminal()
                diagnostics = master
                descriptors = (socket, socket, .terminal)
                terminalPath = path
                farEnds = [sockets[1]]
            } else {
                var pipe: [Int32] = [0, 0]
                let piped = cmitogen_pipe(&pipe, true)
                guard piped >= 0 else { throw MitogenError.system("cannot make a pipe", errno: -piped) }
                diagnostics = pipe[0]
                descriptors = (socket, socket, .descriptor(pipe[1]))
                terminalPath = nil
                farEnds = [sockets[1], pipe[1]]
            }
        } catch {
            for socket in sockets { _ = systemClose(socket) }
            throw error
        }
    }

    private static func openTerminal() throws(MitogenError) -> (master: Int32, path: String) {
        var buffer = [CChar](repeating: 0, count: 128)
        let master = cmitogen_open_terminal(&buffer, buffer.count)
        guard master >= 0 else {
            let error = MitogenError.system("cannot open a pseudo-terminal", errno: -master)
            throw MitogenError(
                error.code,
                error.message,
                hint: error.advice ?? "the limit is the sysctl kernel.pty.max"
            )
        }
        return (master, String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }

    /// Starts the process that gets the far ends, and closes them here.
    ///
    /// - Parameters:
    ///   - path: The program, if it is not the first argument.
    ///   - entry: Where it is to run, if not here.
    /// - Throws: ``MitogenError``; all ends are closed then.
    func spawn(
        _ arguments: [String],
        path: String? = nil,
        environment: [ByteString],
        directory: String? = nil,
        entry: NamespaceEntry? = nil,
        on broker: Broker
    ) throws(MitogenError) -> SpawnedProcess {
        defer { closeFarEnds() }
        do throws(MitogenError) {
            return try SpawnedProcess(
                SpawnRequest(
                    arguments: arguments,
                    path: path,
                    environment: environment,
                    directory: directory,
                    descriptors: descriptors,
                    terminal: terminalPath,
                    entry: entry
                ),
                broker: broker
            )
        } catch {
            closeNearEnds()
            throw MitogenError(error.code, "Child start failed: \(error.message)", hint: error.advice)
        }
    }

    func closeFarEnds() {
        for descriptor in farEnds { _ = systemClose(descriptor) }
    }

    func closeNearEnds() {
        _ = systemClose(stream)
        if let diagnostics { _ = systemClose(diagnostics) }
    }
}
