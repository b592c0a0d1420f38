//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// A program of this machine that has this process's standard input, output and error.
package struct LocalProgram: Sendable {
    package let process: SpawnedProcess
    /// What to call it in messages.
    package let name: String
    /// Whether it is in this process's group, as there is a terminal.
    package let sharesTerminal: Bool

    /// Sends it a signal, and all of its group if that is its own.
    package func signal(_ number: Int32) {
        process.signal(number, group: !sharesTerminal)
    }
}

extension Router {
    /// Starts a program.
    ///
    /// Where this process has a controlling terminal, the program is in its group, so that it may use the terminal and
    /// gets its signals. Otherwise it has a session of its own, which the guard of commands ends with this process.
    ///
    /// - Throws: ``MitogenError`` with `.spawnError`, or `.tooManyOpenFiles`.
    package func startProgram(
        _ arguments: [ByteString],
        environment: [ByteString: ByteString],
        directory: ByteString?
    ) throws(MitogenError) -> LocalProgram {
        let additions = environment.map { ByteString(bytes: $0.key.bytes + "=".utf8 + $0.value.bytes) }
        var request = SpawnRequest(
            arguments: arguments,
            environment: Command.environment(adding: additions),
            directory: directory,
            descriptors: (.descriptor(STDIN_FILENO), .descriptor(STDOUT_FILENO), .descriptor(STDERR_FILENO))
        )
        request.sharesTerminal = Self.hasTerminal
        let process: SpawnedProcess
        if request.sharesTerminal {
            process = try SpawnedProcess(request, broker: broker)
        } else {
            process = try processes.start { [broker, processes] (guardDescriptor) throws(MitogenError) in
                request.guardDescriptor = guardDescriptor
                return try SpawnedProcess(request, broker: broker) { processes.leaveGuard($0) }
            }
        }
        let name = arguments.first?.description ?? ""
        return LocalProgram(process: process, name: name, sharesTerminal: request.sharesTerminal)
    }

    private static var hasTerminal: Bool {
        let descriptor = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
        if descriptor >= 0 { _ = systemClose(descriptor) }
        return descriptor >= 0
    }
}
