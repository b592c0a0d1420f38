//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenFakeSSH
internal import Mitogen

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Takes what a program's ssh processes ask for, any number of them at a time.
final class SSHListener: Sendable {
    private let broker: Broker
    private let describe: @Sendable (MitogenError) -> String
    private let side: Broker.Side
    private let connections: AsyncStream<LocalEnd>
    private let continuation: AsyncStream<LocalEnd>.Continuation

    /// Takes over a listening socket.
    init(_ listener: Int32, broker: Broker, describing describe: @escaping @Sendable (MitogenError) -> String) {
        let (connections, continuation) = AsyncStream.makeStream(of: LocalEnd.self)
        self.broker = broker
        self.describe = describe
        self.connections = connections
        self.continuation = continuation
        side = Broker.Side(descriptor: listener, keepsAlive: false) { _ in
            while true {
                let connection = cmitogen_fakessh_accept(listener)
                if connection >= 0 { continuation.yield(LocalEnd(connection, broker: broker)) }
                // Another user's, or one that was given up already, is no reason to leave those behind it.
                guard connection >= 0 || connection == -EPERM || connection == -ECONNABORTED else { return }
            }
        }
    }

    /// Serves connections until the task is cancelled, which ends the commands of those that are there.
    func serve(by destination: Context) async {
        broker.startReceiving(side)
        await withDiscardingTaskGroup { group in
            for await connection in connections {
                group.addTask {
                    await SSHSession(
                        connection: connection,
                        destination: destination,
                        broker: self.broker,
                        describe: self.describe
                    ).serve()
                }
            }
            group.cancelAll()
        }
    }

    /// Closes the socket; an ssh that is started later finds nobody.
    func close() {
        broker.close(side)
        continuation.finish()
    }
}
