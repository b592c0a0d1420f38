//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import MitogenProtocol

extension Router {
    /// Makes a child of this context that is another router of the same process, for tests.
    ///
    /// Messages between them are frames on a pair of sockets, as between processes.
    ///
    /// - Parameter name: The child's name.
    /// - Returns: The child as it is seen from here, and its router. The router ends with this one.
    /// - Throws: ``MitogenError`` if there are no descriptors or threads, or this router has ended.
    package func makeChildInProcess(name: String) async throws(MitogenError) -> (Context, Router) {
        let id = try await allocateID()
        var sockets: [Int32] = [-1, -1]
        let made = cmitogen_socketpair(&sockets)
        guard made == 0 else { throw .system("cannot make a pair of sockets", errno: -made, .spawnError) }
        _ = cmitogen_set_nonblocking(sockets[1], true)  // the other one is already
        let broker: Broker
        do throws(MitogenError) {
            broker = try Broker(shutdownTimeout: configuration.shutdownTimeout)
        } catch {
            for descriptor in sockets { _ = systemClose(descriptor) }
            throw error
        }
        var table = RoutingTable(
            contextID: id,
            parentIDs: [contextID] + parentIDs,
            isUnidirectional: isUnidirectional
        )
        for ancestor in table.parentIDs { table.peers[ancestor] = .current }
        let child = Router(
            broker: broker,
            ownsBroker: true,
            configuration: configuration,
            table: table,
            isInProcess: true
        )
        child.dispatcher.install(in: child)
        child.addHandler(StandardHandle.shutdown, .parents) { router, _, _ in router.shutdown() }
        let up = child.makeStream(
            descriptors: StreamDescriptors(socket: sockets[1]),
            remoteID: contextID,
            name: "parent"
        )
        let context = connectChild(
            StreamDescriptors(socket: sockets[0]),
            id: id,
            name: name,
            info: .current,
            process: nil,
            received: []
        )
        child.connectParent(up)
        return (context, child)
    }
}
