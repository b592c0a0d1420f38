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
        let command: [String]
        switch request.commandForPython {
        case .success(let words): command = words
        case .failure(let obstacle):
            throw MitogenError(
                .misuse,
                "\(via.name) is a Python context, which cannot start \(request.name()): \(obstacle.rawValue)",
                hint: "start it from the context before that one"
            )
        }
        let limit = request.common.connectTimeout
        var name = request.common.name
        if name == nil, case .tool(let tool) = request.way, !tool.command.before.isEmpty { name = request.defaultName }
        let options: PickleDictionary = [
            "python_path": .list(command.map { .string($0) }),
            "connect_timeout": .float(limit / .seconds(1)),
            "unidirectional": .bool(makesUnidirectional(request.common, via: via)),
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
            Task { [tether = Tether(self)] in
                guard let late = try? await call.get().id else { return }
                tether.object?.route(Message(dstID: late, handle: StandardHandle.shutdown))
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

/// Why a Python context cannot start something.
private enum Obstacle: String, Error {
    case program = "only Python contexts can be there, and programs whose file is there already (executable)"
    case method = "its method does more than to run a tool"
    case questions = "its tool may ask something; only those lead on that get no password and no terminal"
    case cleanUp = "its tool needs a file, or leaves something behind that has to be removed"
    case words = "its tool takes no command as it is, such as one for a login shell"
    case messages = "ssh's messages would get between the frames: leave out debugLevel, -v, LogLevel and forwards"
}

extension ConnectionRequest {
    /// What a Python context can start in place of an interpreter.
    fileprivate var commandForPython: Result<[String], Obstacle> {
        let program = common.executable.map { $0 + [PythonBootstrap.argument] }
        guard let words = common.runtime.python?.interpreter ?? program else { return .failure(.program) }
        switch way {
        case .program: return .success(words)
        case .tool(let tool): return tool.command(runningWithoutHelp: words)
        default: return .failure(.method)
        }
    }
}

extension ConnectionTool {
    /// The tool's command line with other words behind it than a first stage.
    fileprivate func command(runningWithoutHelp words: [String]) -> Result<[String], Obstacle> {
        var before = command.before
        if password != nil || passphrase != nil || terminal != .none { return .failure(.questions) }
        if cleanUp != nil || copy?.isOnlyWay == true || before.contains(where: { $0.utf8.contains(0) }) {
            return .failure(.cleanUp)
        }
        if !command.after.isEmpty { return .failure(.words) }
        if before.isEmpty { return .success(words) }
        if let ssh {
            guard SSHArguments(Array(before.dropFirst())).isQuiet else { return .failure(.messages) }
            // Python cannot ask ssh whether its configuration says something else. Before the `--` and the host.
            let keepalive = ssh.keepalive.map { ["-o", "ServerAliveInterval \($0)"] } ?? []
            before.insert(contentsOf: keepalive, at: max(1, before.count - 2))
        }
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
        default: return .failure(.words)
        }
        return .success(["/bin/sh", "-c", script, "sh"] + words)
    }
}

extension SSHArguments {
    /// Whether ssh says nothing but why it has failed.
    fileprivate var isQuiet: Bool {
        // Of several values ssh takes the first.
        let level = options.first { $0.name.lowercased() == "loglevel" }?.value.lowercased()
        return !letters.contains("v") && !forwardsPorts && ["quiet", "fatal", "error"].contains(level ?? "info")
    }
}
