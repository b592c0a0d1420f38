//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen
internal import MitogenProtocol

/// What a master needs to start Python contexts, and what they may import from it.
///
/// Mitogen's own Python sources are those of the package that is installed for the interpreter here (`pip install mitogen`);
/// nothing of it is part of this library.
public struct PythonConfiguration: Sendable, Hashable {
    /// The interpreter here, in which the package `mitogen` is installed; `python3` by default.
    public var interpreter = "python3"
    /// The folders in which modules for the contexts are looked for before Python's own search path; none by default.
    public var searchPath: [String] = []
    /// If it is not empty, only these modules, and those inside of them, are sent, also where the target has its own of
    /// that name.
    public var allowedModules: [String] = []
    /// Modules that are not sent, and those inside of them.
    public var blockedModules: [String] = []
    /// How long the interpreter here may take to start; 30 s by default.
    public var startTimeout = Duration.seconds(30)

    public init() {}
}

extension Router {
    /// Says how Python contexts get their modules. It is to be called before the first one is started; without it the
    /// defaults of ``PythonConfiguration`` hold.
    ///
    /// - Throws: ``MitogenError`` with `.misuse` in a context that is not the master, and once a Python context was started
    ///   with another configuration.
    public func configurePython(_ configure: (inout PythonConfiguration) -> Void) throws(MitogenError) {
        var configuration = PythonConfiguration()
        configure(&configuration)
        _ = try PythonHelper.of(self, configuration)
    }

    /// Has Python contexts import a file as a module.
    ///
    /// - Parameters:
    ///   - path: The file here.
    ///   - name: The module's name; by default the file's without `.py`.
    /// - Returns: The module's name, for ``Context/call(named:_:keywordArguments:as:timeout:)``.
    /// - Throws: ``MitogenError`` with `.misuse` for a name that no module can have, `.callError` if the file cannot be read
    ///   or is no Python source, and as a Python context's start, if this is the first use of Python.
    @discardableResult
    public func addPythonScript(at path: String, named name: String? = nil) async throws(MitogenError) -> String {
        let file = path.split(separator: "/").last.map(String.init) ?? path
        let name = name ?? (file.hasSuffix(".py") ? String(file.dropLast(3)) : file)
        guard name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy(Self.isIdentifier) else {
            throw MitogenError(.misuse, "\(name.debugDescription) is not the name of a Python module")
        }
        try await PythonHelper.of(self).addScript(name, path)
        return name
    }

    /// Starts what Python contexts need here, so that what is missing is known before anything else is connected.
    ///
    /// - Throws: ``MitogenError``, with a hint, if the interpreter or its package is missing.
    public func startPython() async throws(MitogenError) {
        try await PythonHelper.of(self).begin()
    }

    private static func isIdentifier(_ word: Substring) -> Bool {
        guard let first = word.first, first == "_" || first.isLetter else { return false }
        return word.allSatisfy { $0 == "_" || $0.isLetter || $0.isNumber }
    }
}

extension ContextRuntime {
    /// A Python interpreter, into which the Python implementation of Mitogen is brought.
    ///
    /// ```swift
    /// let python = try await router.ssh("web1") { $0.runtime = .python() }
    /// let name: String = try await python.call(named: "socket.gethostname")
    /// ```
    ///
    /// The target needs `sh` and Python 2.7, or 3.6 or later; this side a Python with the package `mitogen`. Whatever else
    /// the context imports, and does not have, comes from this side's Python path, see ``PythonConfiguration``.
    ///
    /// - Parameters:
    ///   - interpreter: The interpreter on the target, and words before or behind it if there are any; `python3` by
    ///     default.
    ///   - disablesSitePackages: Whether the context forgets the target's installed packages before anything is called in
    ///     it, so that they come from here; false by default.
    public static func python(_ interpreter: String..., disablesSitePackages: Bool = false) -> ContextRuntime {
        python(words: interpreter.isEmpty ? ["python3"] : interpreter, disablesSitePackages: disablesSitePackages)
    }

    /// As ``python(_:disablesSitePackages:)``, with the interpreter's command as an array.
    package static func python(words: [String], disablesSitePackages: Bool = false) -> ContextRuntime {
        ContextRuntime(python: PythonRuntime(interpreter: words, disablesSitePackages: disablesSitePackages)) {
            (router, options) throws(MitogenError) in
            if let inherited = router.modules.inheritedProgram { return inherited }
            let level = options.isDebugEnabled == true ? 10 : router.configuration.forwardedLogLevel
            return try await PythonHelper.of(router).program(level: level)
        }
    }
}
