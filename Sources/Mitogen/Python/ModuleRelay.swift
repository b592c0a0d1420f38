//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
internal import MitogenPickle
package import MitogenProtocol
internal import Synchronization

/// Where a master has the Python modules from that it sends to Python contexts.
package protocol ModuleSource: Sendable {
    /// Finds a module and those that it imports, as far as they have not been found before. Those that are imported come
    /// first.
    func modules(_ name: String) async throws(MitogenError) -> [ModuleTable.Module]
    /// What is in a file of a package; nil if there is no such file.
    func resource(_ name: ResourceName) async throws(MitogenError) -> [UInt8]?
}

/// Passes Python modules, and the files of their packages, from a master to Python contexts.
///
/// A copy of the program needs none of it, but its children may be Python contexts, whose requests end here.
package final class ModuleRelay: Sendable {
    private struct State {
        var modules = ModuleTable(brought: ["mitogen", "mitogen.core"])
        var resources = ModuleTable(remembers: false)
        var source: (any ModuleSource)?
        var inherited: PythonProgram?
    }

    private let state = Mutex(State())

    /// Where modules come from, which is made if there is nothing yet.
    package func source<Source: ModuleSource>(orMake make: () -> Source) -> Source? {
        state.withLock { state in
            let source = state.source ?? make()
            state.source = source
            return source as? Source
        }
    }

    /// What a Python master has brought Mitogen with, from which Python contexts below this one get it, too.
    package var inheritedProgram: PythonProgram? { state.withLock { $0.inherited } }

    func inherit(_ program: PythonProgram?) {
        state.withLock { $0.inherited = program }
    }

    func install(in router: Router) {
        router.addHandler(StandardHandle.getModule, .immediatePeer) { router, message, stream in
            guard let child = stream?.remoteID, let name = Self.name(message.data) else { return }
            router.modules.feedModules(router) { $0.request(name, by: child) }
        }
        router.addHandler(StandardHandle.loadModule, .parents) { router, message, _ in
            guard let module = ModuleTable.Module(parsing: message.data) else { return }
            router.modules.feedModules(router) { $0.loaded(module) }
        }
        router.addHandler(StandardHandle.forwardModule, .parents) { router, message, _ in
            let parts = message.data.split(separator: 0, maxSplits: 1)
            guard parts.count == 2, let id = ContextID(String(decoding: parts[0], as: UTF8.self)),
                let name = Self.name(Array(parts[1])), let child = router.nextHop(to: id)
            else { return }
            router.modules.feedModules(router) { $0.push(name, to: id, by: child) }
        }
        router.addHandler(StandardHandle.getResource, .immediatePeer) { router, message, stream in
            guard let child = stream?.remoteID, let name = ResourceName(parsing: message.data) else { return }
            router.modules.feedResources(router) { $0.request(name.key, by: child) }
        }
        router.addHandler(StandardHandle.loadResource, .parents) { router, message, _ in
            guard let name = ResourceName(parsing: message.data) else { return }
            let answer = ModuleTable.Module(name: name.key, data: message.data, isMissing: false)
            router.modules.feedResources(router) { $0.loaded(answer) }
        }
    }

    private static func name(_ data: [UInt8]) -> ModuleName? {
        // Upstream ignores names that end in a dot, which its own importer asks for.
        data.isEmpty || data.last == UInt8(ascii: ".") ? nil : ModuleName(bytes: data)
    }

    func forget(_ child: ContextID) {
        state.withLock { state in
            state.modules.forget(child)
            state.resources.forget(child)
        }
    }

    /// Has a context, and those on the way to it, get a module before it asks.
    package func push(_ name: String, to context: Context) {
        guard let router = context.router, let child = router.nextHop(to: context.id) else { return }
        feedModules(router) { $0.push(ModuleName(name), to: context.id, by: child) }
    }

    private func feedModules(_ router: Router, _ event: (inout ModuleTable) -> [ModuleTable.Action]) {
        let (actions, source) = state.withLock { (event(&$0.modules), $0.source) }
        for action in actions {
            switch action {
            case .ask(let name): ask(for: name, source, router)
            case .send(let module, let child):
                router.route(Message(dstID: child, handle: StandardHandle.loadModule, data: module.data))
            case .refuse(let name, let child):
                guard let module = try? ModuleTable.Module(missing: name) else { continue }
                router.route(Message(dstID: child, handle: StandardHandle.loadModule, data: module.data))
            case .forward(let name, let context, let child):
                let data = Array("\(context)\0".utf8) + name.bytes
                router.route(Message(dstID: child, handle: StandardHandle.forwardModule, data: data))
            }
        }
    }

    private func feedResources(_ router: Router, _ event: (inout ModuleTable) -> [ModuleTable.Action]) {
        let (actions, source) = state.withLock { (event(&$0.resources), $0.source) }
        for action in actions {
            switch action {
            case .ask(let key): ask(for: ResourceName(key: key), source, router)
            case .refuse(let key, let child):
                guard let data = try? ResourceName(key: key).answer(nil) else { continue }
                router.route(Message(dstID: child, handle: StandardHandle.loadResource, data: data))
            case .send(let answer, let child):
                router.route(Message(dstID: child, handle: StandardHandle.loadResource, data: answer.data))
            case .forward: break
            }
        }
    }

    // MARK: Asking

    private func ask(for name: ModuleName, _ source: (any ModuleSource)?, _ router: Router) {
        guard let source else {
            guard let parent = router.parentID else { return feedModules(router) { $0.failed(name) } }
            return router.route(Message(dstID: parent, handle: StandardHandle.getModule, data: name.bytes))
        }
        // Unstructured, because a message asks for it, and whoever has sent that waits for the answer.
        Task(executorPreference: FunctionExecutor.shared) { [router = Tether(router)] in
            do throws(MitogenError) {
                let found = try await source.modules(name.text)
                guard let router = router.object else { return }
                for module in found { self.feedModules(router) { $0.loaded(module) } }
                if found.contains(where: { $0.name == name }) { return }
                let missing = try? ModuleTable.Module(missing: name)
                self.feedModules(router) { table in missing.map { table.loaded($0) } ?? table.failed(name) }
            } catch {
                guard let router = router.object else { return }
                router.logger.error("cannot look for the Python module \(name.text): \(error)")
                self.feedModules(router) { $0.failed(name) }
            }
        }
    }

    private func ask(for name: ResourceName, _ source: (any ModuleSource)?, _ router: Router) {
        guard let source else {
            guard let parent = router.parentID, let data = try? name.pickled() else {
                return feedResources(router) { $0.failed(name.key) }
            }
            return router.route(Message(dstID: parent, handle: StandardHandle.getResource, data: data))
        }
        // As for modules.
        Task(executorPreference: FunctionExecutor.shared) { [router = Tether(router)] in
            do throws(MitogenError) {
                let content = try await source.resource(name)
                guard let router = router.object, let data = try? name.answer(content) else { return }
                let answer = ModuleTable.Module(name: name.key, data: data, isMissing: content == nil)
                self.feedResources(router) { $0.loaded(answer) }
            } catch {
                guard let router = router.object else { return }
                router.logger.error("cannot read \(name.resource) of the Python package \(name.package): \(error)")
                self.feedResources(router) { $0.failed(name.key) }
            }
        }
    }

    /// A module has changed.
    package func forget(_ name: String) {
        state.withLock { $0.modules.forget(ModuleName(name)) }
    }
}

extension Router {
    /// The neighbour by which a context is reached.
    fileprivate func nextHop(to id: ContextID) -> ContextID? {
        core.withLock { core in core.state.table.link(for: id).flatMap(core.state.table.remoteID(of:)) }
    }
}
