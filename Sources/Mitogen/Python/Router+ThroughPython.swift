//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenPickle
internal import MitogenProtocol
internal import Synchronization

extension Router {
    /// Has a Python context start another one, as its own `Router.local` does: a Python interpreter, or a program of this
    /// library that is there already. A tool in front of it may lead anywhere, but cannot ask anything.
    func connect(_ request: ConnectionRequest, throughPython via: Context) async throws(MitogenError) -> Context {
        guard let command = request.commandForPython else {
            throw MitogenError(
                .misuse,
                "\(via.name) is a Python context: through it only Python contexts are started, and programs that are there "
                    + "already, by tools that are given no password and no file",
                hint: "start it from the context before that one"
            )
        }
        let limit = request.common.connectTimeout
        var name = request.common.name
        if name == nil, case .tool(let tool) = request.way, !tool.command.before.isEmpty { name = request.defaultName }
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
                "name": name.map { .string($0) } ?? .none, "method_name": "local",
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
    /// What a Python context can start in place of an interpreter; nil if something had to be sent or typed.
    fileprivate var commandForPython: [String]? {
        let program = common.executable.map { $0 + [PythonBootstrap.argument] }
        guard let words = common.runtime.python?.interpreter ?? program else { return nil }
        switch way {
        case .program: return words
        case .tool(let tool): return tool.command(runningWithoutHelp: words)
        default: return nil
        }
    }
}

extension ConnectionTool {
    /// The tool's command line with other words behind it than a first stage.
    fileprivate func command(runningWithoutHelp words: [String]) -> [String]? {
        let before = command.before
        guard password == nil, passphrase == nil, cleanUp == nil, copy?.isOnlyWay != true, command.after.isEmpty,
            !before.contains(where: { $0.utf8.contains(0) })
        else { return nil }
        if before.isEmpty { return words }
        let quoted = ProgramCopyCommands.quoted(before)
        // What the tool says belongs into an error; Python does the same with the tools of containers.
        let script: String
        switch command.form {
        case .words: script = "exec \(quoted) \"$@\" 2>&1"
        case .text:
            // Python puts its own words behind these: all of them become one text, each in quotes.
            script =
                #"t=; for w; do t="$t '$(printf %s "$w" | sed "s/'/'\\\\''/g")'"; done; exec "#
                + "\(quoted) \"$t\" 2>&1"
        default: return nil
        }
        return ["/bin/sh", "-c", script, "sh"] + words
    }
}
