//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import MitogenProtocol
internal import Synchronization

/// What runs in a context: a copy of this program, or what another module of the library knows how to start, such as a
/// Python interpreter with `import MitogenPython`.
public struct ContextRuntime: Sendable, Codable {
    /// Gets what brings Mitogen to an interpreter, before the connection is made.
    package typealias Preparation = @Sendable (Router, CommonOptions) async throws(MitogenError) -> PythonProgram

    private enum CodingKeys: CodingKey {
        case python
    }

    /// A copy of this program; the default.
    public static var program: ContextRuntime { ContextRuntime() }

    /// What the Python interpreter needs; nil for a copy of the program.
    package private(set) var python: PythonRuntime?
    /// Stays where the options are chosen: what it leads to travels.
    private var preparation: Preparation?

    private init() {}

    /// A Python interpreter.
    ///
    /// - Parameter preparation: Nil if all is known.
    package init(python: PythonRuntime, preparation: Preparation?) {
        self.python = python
        self.preparation = preparation
    }

    /// The runtime with what it needs.
    func prepared(_ router: Router, _ common: CommonOptions) async throws(MitogenError) -> ContextRuntime {
        guard var python, let preparation else { return self }
        var prepared = self
        let program = OneShot<PythonProgram>()
        // Unstructured, because others may wait for the same process: this caller's limit ends its own wait only.
        Task(executorPreference: FunctionExecutor.shared) {
            do throws(MitogenError) {
                program.resolve(.success(try await preparation(router, common)))
            } catch {
                program.resolve(.failure(error))
            }
        }
        let what = "the Python package mitogen of this machine was not ready"
        python.start = .program(
            try await program.value(within: common.connectTimeout, on: router.broker, what)
        )
        prepared.python = python
        return prepared
    }
}

/// A Python interpreter that becomes a context.
package struct PythonRuntime: Sendable, Codable {
    /// What the interpreter runs.
    package enum Start: Sendable, Codable {
        /// The Python implementation, which is brought to it.
        case program(PythonProgram)
        /// A text that makes a context out of an installed one. Where it has ``placeholder``, what the context is is put in.
        case source(String)

        /// What no Python text has in it.
        package static let placeholder: Character = "\0"
    }

    /// Its command on the target.
    package var interpreter: [String]
    /// Whether it forgets the folders of installed packages before anything else is done in it.
    package var disablesSitePackages: Bool
    /// Nil until it is known.
    package var start: Start?

    package init(interpreter: [String], disablesSitePackages: Bool = false, start: Start? = nil) {
        self.interpreter = interpreter
        self.disablesSitePackages = disablesSitePackages
        self.start = start
    }

    /// What is started for a context.
    func stage(named name: String, for configuration: ChildConfiguration) throws(MitogenError) -> PythonStage {
        switch start {
        case .program(let program): return program.stage(interpreter: interpreter, name: name, for: configuration)
        case .source(let source):
            let parts = source.split(separator: Start.placeholder, maxSplits: 1, omittingEmptySubsequences: false)
            let text = parts.joined(separator: PythonProgram.items(configuration))
            return PythonStage(interpreter: interpreter, source: text)
        case nil:
            throw MitogenError(
                .misuse,
                "only the master starts Python contexts, because it knows where Mitogen's Python sources are",
                hint: "start it there, with this context as \(.via)"
            )
        }
    }
}

extension ConnectionRequest {
    /// What the request needs besides itself.
    func prepared(for router: Router) async throws(MitogenError) -> ConnectionRequest {
        guard common.runtime.python != nil else { return self }
        guard common.executable == nil else {
            throw MitogenError(
                .misuse,
                "`executable` is for copies of this program; a Python runtime names its interpreter"
            )
        }
        var request = self
        switch way {
        case .program: request.way = .tool(ConnectionTool(CommandTemplate([], .words)))
        case .tool(var tool):
            guard tool.copy?.isOnlyWay != true else {
                throw MitogenError(.misuse, "\(defaultName): this method can only start a copy of the program")
            }
            tool.copy = nil
            request.way = .tool(tool)
        case .namespaces: break
        case .fork: throw MitogenError(.misuse, "a fork server makes copies of this program, and no Python interpreter")
        }
        let start = ContinuousClock.now
        request.common.runtime = try await common.runtime.prepared(router, common)
        request.common.connectTimeout = max(.milliseconds(1), common.connectTimeout - (.now - start))
        return request
    }
}

extension Router {
    /// Does what is to be done first in a new Python context.
    func settle(
        _ context: Context,
        _ common: CommonOptions,
        until deadline: ContinuousClock.Instant
    ) async throws(MitogenError) {
        guard common.runtime.python?.disablesSitePackages == true else { return }
        // It is over only where the connection has waited for its turn, which does not count.
        let rest = deadline - .now
        let _: Bool? = try await context.call(
            named: "mitogen.utils.disable_site_packages",
            timeout: rest > .zero ? rest : min(common.connectTimeout, .seconds(5))
        )
    }

    /// Whether a context can be reached that has not said what it understands.
    func isPython(_ id: ContextID) -> Bool {
        core.withLock { core in
            let table = core.state.table
            return id != table.contextID && table.peers[id] == nil && (isAttached || table.hasRoute(to: id))
        }
    }
}
