//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

extension Router {
    /// Starts a context on another machine with OpenSSH's client (Mitogen semantics, section 7.3).
    ///
    /// The user's own configuration, agent and a running master connection are honoured. Nothing has to be installed
    /// on the host but `sh`.
    ///
    /// - Parameters:
    ///   - hostname: The host's name, address, or `Host` of the configuration.
    ///   - via: The context to start ssh in; this one by default.
    ///   - configure: Sets options.
    /// - Returns: The context, ready to be called.
    /// - Throws: ``MitogenError``, after which no process is left: `.unknownHost`, `.connectionRefused`, `.noRoute`,
    ///   `.hostKeyError`, `.hostKeyChanged`, `.authenticationFailed`, `.passwordRequired`, `.passwordError`,
    ///   `.unknownPrompt`,
    ///   `.accountExpired`, `.noLoginShell`, `.loginExited`, `.forcedCommand`, `.noMarker`, `.connectionLost`,
    ///   `.controlPathTooLong`, `.misuse`, `.eofError`, `.spawnError`, `.timeoutError`, those of the first stage, and
    ///   `.cancelled` if the calling task is.
    public func ssh(
        _ hostname: String,
        via: Context? = nil,
        _ configure: (inout ConnectionMethod.SSHOptions) -> Void = { _ in }
    ) async throws(MitogenError) -> Context {
        var options = ConnectionMethod.SSHOptions(hostname: hostname)
        configure(&options)
        return try await connect(options.request(), from: via)
    }

    /// Starts a context as another user with sudo (Mitogen semantics, section 7.4); as ``ssh(_:via:_:)`` otherwise.
    public func sudo(
        via: Context? = nil,
        _ configure: (inout ConnectionMethod.SudoOptions) -> Void = { _ in }
    ) async throws(MitogenError) -> Context {
        var options = ConnectionMethod.SudoOptions()
        configure(&options)
        return try await connect(options.request(), from: via)
    }

    /// Starts a context as another user with su (Mitogen semantics, section 7.5); as ``ssh(_:via:_:)`` otherwise.
    public func su(
        via: Context? = nil,
        _ configure: (inout ConnectionMethod.SuOptions) -> Void = { _ in }
    ) async throws(MitogenError) -> Context {
        var options = ConnectionMethod.SuOptions()
        configure(&options)
        return try await connect(options.request(), from: via)
    }

    /// Starts a context as another user with doas (Mitogen semantics, section 7.6); as ``ssh(_:via:_:)`` otherwise.
    public func doas(
        via: Context? = nil,
        _ configure: (inout ConnectionMethod.DoasOptions) -> Void = { _ in }
    ) async throws(MitogenError) -> Context {
        var options = ConnectionMethod.DoasOptions()
        configure(&options)
        return try await connect(options.request(), from: via)
    }

    package func connect(_ request: ConnectionRequest, from via: Context?) async throws(MitogenError) -> Context {
        let deadline = ContinuousClock.now + request.common.connectTimeout
        let request = try await request.prepared(for: self)
        let context =
            if let via, isPython(via.id) {
                try await connect(request, throughPython: via)
            } else if let via {
                try await connect(request, via: via)
            } else {
                try await connect(request)
            }
        // A Python context does not hold those below it to its own mode.
        context.state.isUnidirectional = makesUnidirectional(request.common, via: via)
        do throws(MitogenError) {
            try await settle(context, request.common, until: deadline)
            return context
        } catch {
            _ = try? context.send(Message(handle: StandardHandle.shutdown))
            throw error
        }
    }
}
