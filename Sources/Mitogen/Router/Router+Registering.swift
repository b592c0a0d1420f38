//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
public import MitogenProtocol
internal import Synchronization

extension Router {
    /// Takes a connection to a context that was started without this library's help, such as one that a program of its own
    /// has made over a socket: from then on the context is a child of this one.
    ///
    /// The other side has to be a context already, with `id` as its number and this one as its parent, and frames have to
    /// follow on the connection. It is treated as a Python context, as nothing is known of what else it understands.
    ///
    /// - Parameters:
    ///   - id: The context's number, from ``allocateID(timeout:)``.
    ///   - name: What it is called here.
    ///   - input: The descriptor that its frames are read from. The router owns it from now on, and does not let it block.
    ///   - output: The descriptor that frames to it are written to; it may be the same.
    /// - Returns: The context. It is lost when the connection ends, see ``Context/events``.
    /// - Throws: ``MitogenError`` with `.misuse` if the number is this context's, the master's or that of a context that is
    ///   known, if a descriptor is not open, or if the router is shut down. The descriptors stay the caller's then.
    @discardableResult
    public func register(
        _ id: ContextID,
        named name: String,
        input: Int32,
        output: Int32
    ) async throws(MitogenError) -> Context {
        guard !isLeaving else { throw .routerIsShutDown }
        let isFree = core.withLock { core in
            id != 0 && id != core.state.table.contextID && !core.state.table.hasRoute(to: id)
        }
        guard isFree else { throw MitogenError(.misuse, "context \(id) is known, or is this one or the master") }
        for descriptor in Set([input, output]) {
            let result = cmitogen_set_nonblocking(descriptor, true)
            guard result >= 0 else {
                throw MitogenError(.misuse, "descriptor \(descriptor) cannot carry a connection: it is not open")
            }
        }
        let registered = OneShot<Context>()
        broker.schedule { [self] in
            let link = StreamDescriptors(receive: input, transmit: output)
            let context = connectChild(link, id: id, name: name, info: nil, process: nil, received: [])
            registered.resolve(.success(context))
        }
        return try await registered.wait().get()
    }
}
