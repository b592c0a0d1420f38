//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import MitogenProtocol
internal import Synchronization

/// Sees to it that a command runs when this program ends before its time, even by SIGKILL: a shell waits for the end
/// of a connection whose other end only this process has.
///
/// A tool cannot do that for itself: docker's client, killed between making a container and starting it, leaves it
/// behind, and it is killed as soon as it prints a warning that nobody reads any more.
final class Watchdog: Sendable {
    private let socket: Mutex<Int32?>

    // What the command removes may only be about to appear: it runs again, later. The shell that this process has to
    // reap ends at once; a background command's own standard input would be /dev/null.
    private static let script =
        #"exec 3<&0 4<&1 >&2;(trap "" 1 2 13 15;while read -r x <&3;do [ $x ]||exit;shift $x;done;"#
        + #"for n in 0 2 5;do sleep $n;"$@";done)&"#

    /// Starts the shell.
    ///
    /// - Parameter file: What the command finds as its descriptor 4.
    /// - Throws: ``MitogenError`` with `.spawnError`.
    init(_ command: [String], file: SpawnDescriptor = .null, on broker: Broker) throws(MitogenError) {
        var sockets: [Int32] = [0, 0]
        let made = cmitogen_socketpair(&sockets)
        guard made >= 0 else { throw .system("cannot make a socket pair", errno: -made) }
        defer { _ = systemClose(sockets[1]) }
        do throws(MitogenError) {
            _ = try SpawnedProcess(
                SpawnRequest(
                    arguments: ["sh", "-c", Self.script, "sh"] + command,
                    environment: ProcessIdentity.environment,
                    directory: nil,
                    descriptors: (.descriptor(sockets[1]), file, .null)
                ),
                broker: broker
            )
        } catch {
            _ = systemClose(sockets[0])
            throw error
        }
        socket = Mutex(sockets[0])
    }

    deinit { dismiss() }

    /// There is nothing to do any more.
    func dismiss() {
        guard let socket = socket.withLock({ $0.take() }) else { return }
        Self.write("\n", to: socket)
        _ = systemClose(socket)
    }

    /// The first words of the command are not needed any more.
    func skip(words: Int) {
        socket.withLock { if let socket = $0 { Self.write("\(words)\n", to: socket) } }
    }

    private static func write(_ line: String, to socket: Int32) {
        let bytes = Array(line.utf8)
        _ = bytes.withUnsafeBytes { cmitogen_write2(socket, $0.baseAddress, $0.count, nil, 0) }
    }

    /// Runs the command.
    func trigger() {
        if let socket = socket.withLock({ $0.take() }) { _ = systemClose(socket) }
    }
}
