//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension Router {
    /// Starts a context by a method that is a value.
    ///
    /// - Parameters:
    ///   - method: The method with its options.
    ///   - via: The context to start it from; this one by default.
    /// - Returns: The context, ready to be called.
    /// - Throws: ``MitogenError`` as the function of the same name, such as ``ssh(_:via:_:)``; for a method of the program's
    ///   own, see ``ConnectionMethod/CustomOptions``, after which no process is left: `.misuse` for options that make no sense,
    ///   `.passwordError`, `.passwordRequired`, `.spawnError`, `.eofError`, `.timeoutError`, those of the first stage, and
    ///   `.cancelled` if the calling task is.
    public func connect(_ method: ConnectionMethod, via: Context? = nil) async throws(MitogenError) -> Context {
        try await connect(method.request(), from: via)
    }

    /// Starts a context by a chain of methods, each from the one before.
    ///
    /// - Parameters:
    ///   - methods: The methods; at least one.
    ///   - via: The context to start the first one from; this one by default.
    /// - Returns: The last context, ready to be called. Those before it are what it is started from, and live on; if a
    ///   step fails, those that this call has started are ended.
    /// - Throws: ``MitogenError`` as ``connect(_:via:)-(ConnectionMethod,_)``; `.misuse` if there is no method.
    public func connect(_ methods: [ConnectionMethod], via: Context? = nil) async throws(MitogenError) -> Context {
        guard !methods.isEmpty else { throw MitogenError(.misuse, "a chain of connections has at least one") }
        var first: Context?
        var last = via
        do throws(MitogenError) {
            for method in methods {
                let next = try await connect(method, via: last)
                first = first ?? next
                last = next
            }
        } catch {
            // With it ends what was started from it.
            try? await first?.shutdown()
            throw error
        }
        return last ?? myself()
    }

    /// Starts a context where a target says: `try await router.connect(ConnectionTarget("ssh:web1+sudo+docker:app"))`.
    ///
    /// - Parameters:
    ///   - target: The target.
    ///   - via: The context to start the first hop from; this one by default.
    ///   - configure: Sets options of each hop, such as a password.
    /// - Returns: The context that the last hop leads to, ready to be called. If a hop fails, the ones before it are ended.
    /// - Throws: ``MitogenError`` as ``connect(_:via:)-(ConnectionMethod,_)``.
    public func connect(
        _ target: ConnectionTarget,
        via: Context? = nil,
        _ configure: (ConnectionTarget.Hop, inout any ContextOptions) -> Void = { _, _ in }
    ) async throws(MitogenError) -> Context {
        var methods: [ConnectionMethod] = []
        for hop in target.hops {
            methods.append(try ConnectionMethod(hop).configured { configure(hop, &$0) })
        }
        return try await connect(methods, via: via)
    }
}

extension ConnectionMethod {
    /// The method of a hop.
    public init(_ hop: ConnectionTarget.Hop) {
        let name = hop.name ?? ""
        self =
            switch hop.kind {
            case .local: .local { $0.name = hop.name }
            case .ssh:
                .ssh(name) { options in
                    options.username = hop.username
                    options.port = hop.port
                }
            case .sudo: .sudo { $0.username = hop.username ?? $0.username }
            case .su: .su { $0.username = hop.username ?? $0.username }
            case .doas: .doas { $0.username = hop.username ?? $0.username }
            case .docker: .docker(container: name) { $0.username = hop.username }
            case .dockerImage: .docker(image: name)
            case .podman: .podman(container: name) { $0.username = hop.username }
            case .buildah: .buildah(container: name) { $0.username = hop.username }
            case .jail: .jail(container: name) { $0.username = hop.username }
            case .lxc: .lxc(container: name)
            case .lxd: .lxd(container: name)
            case .incus: .incus(container: name)
            case .kubectl:
                .kubectl(pod: name) { options in
                    options.namespace = hop.namespace
                    options.container = hop.container
                }
            case .setnsDocker: .setns(.docker, hop)
            case .setnsPodman: .setns(.podman, hop)
            case .setnsLXC: .setns(.lxc, hop)
            case .setnsLXD: .setns(.lxd, hop)
            case .setnsIncus: .setns(.incus, hop)
            case .setnsMachinectl: .setns(.machinectl, hop)
            }
    }

    private static func setns(_ kind: ConnectionMethod.SetnsOptions.Kind, _ hop: ConnectionTarget.Hop)
        -> ConnectionMethod
    {
        .setns(container: hop.name ?? "", kind: kind) { options in
            options.username = hop.username ?? options.username
            options.group = hop.group
        }
    }
}
