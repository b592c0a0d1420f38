//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenPickle
internal import MitogenProtocol
internal import Synchronization

/// The process beside a master that knows the installed Python package, see ``HelperProgram``. It is started when it is
/// needed first, and anew if it has ended.
final class PythonHelper: ModuleSource {
    private struct State {
        /// Not the context itself, which keeps its router, and that keeps this.
        var id: ContextID?
        var programs: [Int: PythonProgram] = [:]
        var scripts: [String: String] = [:]
    }

    private let configuration: PythonConfiguration
    private weak let router: Router?
    /// Only one is started at a time.
    private let turns = Gate(places: 1)
    private let state = Mutex(State())

    private init(_ router: Router, _ configuration: PythonConfiguration) {
        self.router = router
        self.configuration = configuration
    }

    /// The helper of a router.
    ///
    /// - Parameter configuration: As it has to be; any by default.
    static func of(_ router: Router, _ configuration: PythonConfiguration? = nil) throws(MitogenError) -> PythonHelper {
        guard router.isMaster else {
            throw MitogenError(
                .misuse,
                "only the master starts Python contexts, because it knows where Mitogen's Python sources are",
                hint: "start it there, with this context as \(.via)"
            )
        }
        let helper = router.modules.source { PythonHelper(router, configuration ?? PythonConfiguration()) }
        guard let helper, configuration == nil || helper.configuration == configuration else {
            throw MitogenError(
                .misuse,
                "Python was configured otherwise, or used, before: configure it once, and first"
            )
        }
        return helper
    }

    // MARK: What it is asked

    func modules(_ name: String) async throws(MitogenError) -> [ModuleTable.Module] {
        try await call("modules", [.string(name)], as: [FoundModule].self).map { found in
            let related = found.related.map { ModuleName($0) }
            return ModuleTable.Module(
                name: ModuleName(found.name),
                data: found.data,
                related: related,
                isMissing: found.isMissing
            )
        }
    }

    func resource(_ name: ResourceName) async throws(MitogenError) -> [UInt8]? {
        try await call("resource", [.string(name.package), .string(name.resource)], as: [UInt8]?.self)
    }

    /// What brings Mitogen to an interpreter.
    ///
    /// - Parameter level: What is logged below it is not passed on; Python's numbers.
    func program(level: Int) async throws(MitogenError) -> PythonProgram {
        if let known = state.withLock({ $0.programs[level] }) { return known }
        let program = try await call("program", [.int(level)], as: PythonProgram.self)
        state.withLock { $0.programs[level] = program }
        return program
    }

    /// Starts it, unless it runs.
    func begin() async throws(MitogenError) { _ = try await context() }

    func addScript(_ name: String, _ path: String) async throws(MitogenError) {
        let _: Bool? = try await call("add_script", [.string(name), .string(path)], as: Bool?.self)
        state.withLock { $0.scripts[name] = path }
        router?.modules.forget(name)
    }

    private struct FoundModule: Decodable {
        var name: String
        var data: [UInt8]
        var related: [String]
        var isMissing: Bool
    }

    private func call<Output: Decodable & Sendable>(
        _ function: String,
        _ arguments: [PickleValue],
        as type: Output.Type
    ) async throws(MitogenError) -> Output {
        do throws(MitogenError) {
            return try await callOnce(function, arguments, as: type)
        } catch {
            // It has ended meanwhile, for whatever reason; another one is asked once.
            guard error.isEndOfHelper else { throw error }
            return try await callOnce(function, arguments, as: type)
        }
    }

    private func callOnce<Output: Decodable & Sendable>(
        _ function: String,
        _ arguments: [PickleValue],
        as type: Output.Type
    ) async throws(MitogenError) -> Output {
        let helper = try await context()
        let name = "\(HelperProgram.module).\(function)"
        do throws(MitogenError) {
            return try await helper.call(named: name, arguments, as: type, timeout: Self.patience)
        } catch {
            guard error.code == .timeoutError || error.isEndOfHelper else { throw error }
            state.withLock { if $0.id == helper.id { $0.id = nil } }
            // It may import what never returns. Whoever asks next gets another one.
            _ = try? helper.send(Message(handle: StandardHandle.shutdown))
            throw error
        }
    }

    /// How long it may take to find a module.
    private static let patience = Duration.seconds(60)

    // MARK: The process

    private func context() async throws(MitogenError) -> Context {
        if let known = living() { return known }
        return try await turns.withPermit { () async throws(MitogenError) in
            if let known = living() { return known }
            let context = try await start()
            do throws(MitogenError) {
                try await restoreScripts(in: context)
            } catch {
                _ = try? context.send(Message(handle: StandardHandle.shutdown))
                throw error
            }
            state.withLock { $0.id = context.id }
            return context
        }
    }

    private func restoreScripts(in context: Context) async throws(MitogenError) {
        for (name, path) in state.withLock({ $0.scripts }) {
            do throws(MitogenError) {
                let function = "\(HelperProgram.module).add_script"
                let _: Bool? = try await context.call(
                    named: function,
                    [.string(name), .string(path)],
                    timeout: Self.patience
                )
            } catch {
                // Only who wants this one is to miss it.
                guard error.code == .callError else { throw error }
            }
        }
    }

    private func living() -> Context? {
        guard let router, let id = state.withLock({ $0.id }), router.streamName(id: id) != nil else { return nil }
        return router.context(id: id)
    }

    private func start() async throws(MitogenError) -> Context {
        guard let router else { throw MitogenError(.misuse, "the router is gone") }
        let runtime = PythonRuntime(
            interpreter: [configuration.interpreter],
            start: .source(HelperProgram.source(configuration))
        )
        do throws(MitogenError) {
            return try await router.local { options in
                options.name = "python-helper"
                options.runtime = ContextRuntime(python: runtime, preparation: nil)
                options.connectTimeout = configuration.startTimeout
            }
        } catch {
            throw MitogenError(
                error.code,
                "cannot use the Python package mitogen of \(configuration.interpreter) here: \(error.message)",
                diagnostics: error.diagnostics,
                hint:
                    "install it with `pip install mitogen`, or name the interpreter that has it with \(.controllerPython)"
            )
        }
    }
}

extension MitogenError {
    /// Whether the helper has ended, or ends: Python takes no more calls then, and reads on while its output is passed on.
    fileprivate var isEndOfHelper: Bool { dead == .gone || dead == .invalidHandle }
}
