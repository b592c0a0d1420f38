//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenPickle
internal import MitogenProtocol
internal import Synchronization

extension Router {
    /// Has a Python context start another process on its machine, as its own `Router.local` does: a Python interpreter, or
    /// a program of this library that is there already.
    func connect(_ request: ConnectionRequest, throughPython via: Context) async throws(MitogenError) -> Context {
        guard let command = request.commandWithoutTool else {
            throw MitogenError(
                .misuse,
                "\(via.name) is a Python context: through it only local Python contexts are started, and programs that are "
                    + "there already",
                hint: "start it from the context before that one"
            )
        }
        let limit = request.common.connectTimeout
        let options: PickleDictionary = [
            "python_path": .list(command.map { .string($0) }),
            "connect_timeout": .float(limit / .seconds(1)),
            "unidirectional": .bool(request.common.isUnidirectional ?? isUnidirectional),
            "debug": .bool(request.common.isDebugEnabled ?? false),
            "max_message_size": .int(maxMessageSize),
        ]
        let call = try via.startCall(
            named: "mitogen.parent._proxy_connect",
            keywordArguments: [
                "name": request.common.name.map { .string($0) } ?? .none, "method_name": "local",
                "kwargs": .keywordArguments(options),
            ],
            as: Made.self
        )
        let made: Made
        do throws(MitogenError) {
            // Python watches the limit itself, and says more.
            made = try await call.get(timeout: limit + .seconds(5))
        } catch {
            // Python makes the context all the same, after what it does now: nobody wants it then. Unstructured, because
            // the caller does not wait for that.
            Task { [weak self] in
                guard let late = try? await call.get().id else { return }
                self?.route(Message(dstID: late, handle: StandardHandle.shutdown))
            }
            throw error
        }
        guard let id = made.id else {
            throw MitogenError(.streamError, made.msg ?? "it made no connection and did not say why", context: via.name)
        }
        // A program of this library that is there must be the same version as this one.
        let info = request.common.runtime.python == nil ? PeerInfo.current : nil
        do throws(MitogenError) {
            return try adopt(id, named: made.name, by: via, info: info)
        } catch {
            route(Message(dstID: id, handle: StandardHandle.shutdown))
            throw error
        }
    }

    /// What Python answers.
    private struct Made: Decodable {
        var id: ContextID?
        var name: String?
        var msg: String?
    }

    /// Knows a context that another one has started.
    ///
    /// - Parameter info: What it understands; nil for a Python context.
    func adopt(
        _ id: ContextID,
        named name: String?,
        by via: Context,
        info: PeerInfo?,
        connection: ConnectionReport? = nil
    ) throws(MitogenError) -> Context {
        let name = "\(via.name).\(name ?? "\(id)")"
        let made = core.withLock { core -> Context? in
            let known = core.contexts[id]
            // What the listener of an attached program has named is not new.
            let isNew =
                known?.via == nil && known?.connection == nil && !(isAttached && core.state.table.hasRoute(to: id))
            guard core.state.mayHaveStarted(id, via.id, isNew: isNew) else { return nil }
            core.state.table.peers[id] = info
            if isAttached { core.state.table.learnRoute(to: id) }
            let state = core.contextState(id, name: name)
            state.rename(name, via: via.id)
            state.connection = connection
            return Context(router: self, id: id, state: state)
        }
        guard let made else {
            throw MitogenError(.streamError, "\(via.name) named context \(id), which it cannot have started")
        }
        return made
    }
}

extension ConnectionRequest {
    /// What starts the context, if there is no tool in front of it, and nothing has to be sent.
    fileprivate var commandWithoutTool: [String]? {
        switch way {
        case .program: common.executable.map { $0 + [PythonBootstrap.argument] }
        case .tool(let tool) where tool.command.before.isEmpty: common.runtime.python?.interpreter
        default: nil
        }
    }
}
