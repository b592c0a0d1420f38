//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenPickle
internal import MitogenProtocol
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Finds remote functions by name, and names by function.
final class FunctionTable: Sendable {
    static let shared = FunctionTable()

    /// What calls of a function begin with.
    final class Name: Sendable {
        let text: String
        /// The name for people.
        let displayed: String
        private let heads: (binary: [UInt8]?, python: [UInt8]?)

        init(_ text: String, of function: Any.Type) {
            self.text = text
            displayed = displayedName(of: function)
            heads = (
                try? PlainCall.head(named: text, options: .init(bytesStyle: .binary)),
                try? PlainCall.head(named: text, options: .init(bytesStyle: .python))
            )
        }

        /// For peers that take bytes in this form; nil if it cannot be encoded.
        func head(_ style: PickleWriter.BytesStyle) -> [UInt8]? {
            switch style {
            case .binary: heads.binary
            case .python: heads.python
            }
        }
    }

    private struct State {
        var types: [String: any RemoteFunction.Type] = [:]
        /// A cache of 64 places; the place is a hash of the name's length and last four bytes.
        var recent = [(name: [UInt8], type: any RemoteFunction.Type)?](repeating: nil, count: 64)
        var names: [ObjectIdentifier: Name] = [:]
        var registered: [String: any RemoteFunction.Type] = [:]
    }

    private let state = Mutex(State())

    /// The name under which a function is found in every copy of this program.
    ///
    /// - Throws: ``MitogenError`` with `.misuse` if it would not be found, with what to do about it.
    func name<F: RemoteFunction>(of function: F.Type) throws(MitogenError) -> Name {
        let id = ObjectIdentifier(function)
        if let name = state.withLock({ $0.names[id] }) { return name }
        guard let text = _mangledTypeName(function), FunctionName.isValid(text),
            _typeByName(text) == function
        else {
            throw MitogenError(
                .misuse,
                "\(displayedName(of: function)) cannot be called in another context, because it cannot be found by its name",
                hint:
                    "make it internal or public, and move it out of functions and out of extensions of other modules' types"
            )
        }
        let name = Name(text, of: function)
        state.withLock { $0.names[id] = name }
        return name
    }

    /// The function with a name that came over the wire.
    ///
    /// - Throws: ``MitogenError`` with `.unknownFunction`.
    func type(named name: String) throws(MitogenError) -> any RemoteFunction.Type {
        if let type = state.withLock({ $0.types[name] }) { return type }
        guard FunctionName.isValid(name) else {
            throw MitogenError(.unknownFunction, "\(name.debugDescription) is not the name of a function type")
        }
        // The name must be the type's own: the runtime also finds types by names that say something slightly different.
        guard let type = _typeByName(name) as? any RemoteFunction.Type, _mangledTypeName(type) == name else {
            throw MitogenError(
                .unknownFunction,
                "this program has no function type \(name)",
                hint: "both sides must be the same program, or share the library that the function is in"
            )
        }
        // Bounded, because the names come from outside: generic types make any number of them.
        state.withLock { state in
            if state.types.count >= 10_000 { state.types.removeAll() }
            state.types[name] = type
        }
        return type
    }

    /// The function whose name is a part of the data of a call; nil if that is not UTF-8.
    ///
    /// - Throws: ``MitogenError`` with `.unknownFunction`.
    func type(named name: ArraySlice<UInt8>) throws(MitogenError) -> (any RemoteFunction.Type)? {
        // The end of a name differs most: `…4EchoV`.
        let place = name.suffix(4).reduce(name.count) { $0 &* 31 &+ Int($1) } & 63
        if let type = state.withLock({ state in
            state.recent[place].flatMap { Self.areEqual($0.name, name) ? $0.type : nil }
        }) {
            return type
        }
        guard let text = String(validating: name, as: UTF8.self) else { return nil }
        let type = try type(named: text)
        state.withLock { $0.recent[place] = (Array(name), type) }
        return type
    }

    private static func areEqual(_ left: [UInt8], _ right: ArraySlice<UInt8>) -> Bool {
        guard left.count == right.count else { return false }
        return left.withUnsafeBytes { left in
            right.withUnsafeBytes { right in
                guard let first = left.baseAddress, let second = right.baseAddress else { return true }
                return memcmp(first, second, left.count) == 0
            }
        }
    }

    func register(_ type: any RemoteFunction.Type, as name: String) throws(MitogenError) {
        let isNew = state.withLock { state in
            guard state.registered[name].map({ $0 == type }) ?? true else { return false }
            state.registered[name] = type
            return true
        }
        guard isNew else { throw MitogenError(.misuse, "another function is registered as \(name)") }
    }

    func registered(_ name: String) -> (any RemoteFunction.Type)? {
        state.withLock { $0.registered[name] }
    }
}

/// A function of the library around one of the program.
protocol WrappedFunction {
    static var wrapped: Any.Type { get }
}

/// The name of a function's type in messages for people.
func displayedName(of function: Any.Type) -> String {
    _typeName((function as? any WrappedFunction.Type)?.wrapped ?? function)
}

extension Mitogen {
    /// Makes a function callable as `name`, for peers that do not know its type: other programs, or other languages.
    ///
    /// Keyword arguments are matched with the properties by name, positional ones by the order in which the properties are
    /// decoded, which is that of their declaration where the compiler has written `init(from:)`. A single positional
    /// argument that is a dictionary is taken as all of them.
    ///
    /// A program that is started as a context registers its functions before ``runChildIfRequested()``.
    ///
    /// - Parameters:
    ///   - name: `module.function`.
    ///   - function: The function's type.
    /// - Throws: ``MitogenError`` with `.misuse` if the name has no dot, or another function has it.
    public static func register<F: RemoteFunction>(_ name: String, _ function: F.Type) throws(MitogenError)
    where F.Output: Codable {
        try registerChecked(name, function)
    }

    /// Makes a function without result callable as `name`; see the other `register`.
    public static func register<F: RemoteFunction>(_ name: String, _ function: F.Type) throws(MitogenError)
    where F.Output == Void {
        try registerChecked(name, function)
    }

    private static func registerChecked(_ name: String, _ function: any RemoteFunction.Type) throws(MitogenError) {
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex, name.index(after: dot) != name.endIndex else {
            throw MitogenError(.misuse, "\(name.debugDescription) is not of the form module.function")
        }
        try FunctionTable.shared.register(function, as: name)
        ChildRuntime.pythonBootstrap.withLock {
            $0 = { words throws(MitogenError) in try PythonBootstrap.begin(words: words) }
        }
    }
}

extension Router {
    /// Makes a function callable as `name`, as `Mitogen.register` does: names belong to the program, not to one router.
    ///
    /// - Throws: ``MitogenError`` with `.misuse` if the name has no dot, or another function has it.
    public func register<F: RemoteFunction>(_ name: String, _ function: F.Type) throws(MitogenError)
    where F.Output: Codable {
        try Mitogen.register(name, function)
    }

    /// Makes a function without result callable as `name`; see the other `register`.
    public func register<F: RemoteFunction>(_ name: String, _ function: F.Type) throws(MitogenError)
    where F.Output == Void {
        try Mitogen.register(name, function)
    }
}
