//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import FoundationEssentials
internal import Glibc
internal import Mitogen
internal import MitogenPickle

/// What `mitogen py` is asked to do.
struct PyRequest: Sendable {
    /// Where the function is.
    enum Source: Sendable, Hashable {
        case module(String)
        /// A file here, and the name that it gets as a module.
        case file(String, name: String)
    }

    let source: Source
    let function: String
    let positional: [PickleValue]
    let named: PickleDictionary
    let controllerInterpreter: String
    let searchPath: [String]
    let timeout: Duration?
    /// Where each target's interpreter is, and which.
    let targets: [PythonTarget]
    let labels: [String]
    let fanout: Int?
    var hops: HopSettings
    let warnings: [String]

    /// - Parameter readsFiles: Whether files are read.
    /// - Throws: ``TargetSyntaxError`` or ``ArgumentError``.
    init(_ command: PyCommand, readsFiles: Bool) throws {
        try command.targets.checkStandardInput(command.connections.standardInputOptions)
        self.source = try Self.source(command.module, readsFiles: readsFiles)
        guard Self.isIdentifier(command.function[...]) else {
            throw ArgumentError("'\(TerminalSanitizer.visible(command.function))' is not the name of a Python function")
        }
        self.function = command.function
        (self.positional, self.named) = try Self.arguments(command.arguments, areJSON: command.jsonArguments)
        let interpreter = PythonTarget.words(command.python)
        guard !interpreter.isEmpty else { throw ArgumentError("--python names no interpreter") }
        self.controllerInterpreter = command.controllerPython
        var folders = command.searchPath
        for folder in folders where readsFiles && !Self.isFolder(folder) {
            throw ArgumentError("--path: '\(TerminalSanitizer.visible(folder))' is no folder")
        }
        // What lies beside a script is found, as by Python itself.
        if case .file(let path, _) = self.source { folders.insert(Self.folder(of: path), at: 0) }
        self.searchPath = folders
        self.timeout = try command.timeout.map { (text) throws(ArgumentError) in
            try TimeoutArgument(parsing: text).duration
        }
        self.fanout = try command.targets.limit()
        self.hops = try command.connections.settings()
        let selection = try command.targets.selection(
            readsFiles: readsFiles,
            kinds: self.hops.table.kinds,
            leadsToPython: true
        )
        self.targets = try selection.targets.map { (target) throws(ArgumentError) in
            try PythonTarget(target, interpreter: interpreter)
        }
        self.labels = TargetSpecification.labels(for: selection.targets)
        self.warnings = selection.warnings + [self.hops.ssh.warning(for: selection.targets)].compactMap(\.self)
    }

    private static func source(_ text: String, readsFiles: Bool) throws(ArgumentError) -> Source {
        let shown = TerminalSanitizer.visible(text)
        guard text.hasSuffix(".py") || text.contains("/") else {
            guard text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy(self.isIdentifier) else {
                throw ArgumentError("'\(shown)' is neither the name of a Python module nor of a file that ends in .py")
            }
            return .module(text)
        }
        let file = text.split(separator: "/").last ?? ""
        let name = file.dropLast(file.hasSuffix(".py") ? 3 : 0)
        guard self.isIdentifier(name) else {
            throw ArgumentError("'\(shown)': the file's name without .py has to be the name of a module")
        }
        if readsFiles, access(text, R_OK) != 0 {
            throw ArgumentError("cannot read '\(shown)'")
        }
        return .file(text, name: String(name))
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    private static func isIdentifier(_ word: Substring) -> Bool {
        guard let first = word.first, first == "_" || first.isLetter else { return false }
        return word.allSatisfy { $0 == "_" || $0.isLetter || $0.isNumber }
    }

    private static func arguments(
        _ texts: [String],
        areJSON: Bool
    ) throws(ArgumentError) -> ([PickleValue], PickleDictionary) {
        var (positional, named) = ([PickleValue](), PickleDictionary())
        for text in texts {
            if let equals = text.firstIndex(of: "="), self.isIdentifier(text[..<equals]) {
                let value = String(text[text.index(after: equals)...])
                named[String(text[..<equals])] = areJSON ? try JSONArgument.value(value) : .string(value)
            } else {
                positional.append(areJSON ? try JSONArgument.value(text) : .string(text))
            }
        }
        return (positional, named)
    }
}

/// A JSON value of the command line.
private struct JSONArgument: Decodable {
    let value: PickleValue

    static func value(_ text: String) throws(ArgumentError) -> PickleValue {
        do {
            return try JSONDecoder().decode(JSONArgument.self, from: Data(text.utf8)).value
        } catch {
            throw ArgumentError("'\(TerminalSanitizer.visible(text))' is not JSON; a text is written '\"text\"'")
        }
    }

    init(from decoder: any Decoder) throws {
        if let members = try? decoder.container(keyedBy: AnyKey.self) {
            var items = PickleDictionary()
            for key in members.allKeys {
                items[key.stringValue] = try members.decode(JSONArgument.self, forKey: key).value
            }
            self.value = .dictionary(items)
            return
        }
        if var elements = try? decoder.unkeyedContainer() {
            var items: [PickleValue] = []
            while !elements.isAtEnd { items.append(try elements.decode(JSONArgument.self).value) }
            self.value = .list(items)
            return
        }
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self.value = .none
        } else if let flag = try? container.decode(Bool.self) {
            self.value = .bool(flag)
        } else if let number = try? container.decode(Int.self) {
            self.value = .int(number)
        } else if let number = try? container.decode(Double.self) {
            self.value = .float(number)
        } else {
            self.value = .string(try container.decode(String.self))
        }
    }

    private struct AnyKey: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}
