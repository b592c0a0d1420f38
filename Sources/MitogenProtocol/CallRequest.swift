//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import MitogenPickle

/// What a `CALL_FUNCTION` message says: `(chain_id, module, class, function, args, kwargs)` (Mitogen wire protocol,
/// section 1.7).
///
/// A typed call names the module ``typedModule``, in `function` the function's type, and has one argument: its
/// properties.
package struct CallRequest: Sendable, Hashable {
    /// The module that marks the call of a Swift function by its type.
    package static let typedModule = "swift"

    package let chainID: String?
    package let module: String
    package let className: String?
    package let function: String
    package let arguments: [PickleValue]
    package let keywordArguments: PickleDictionary

    /// The name by which a function is registered for other programs.
    package var registeredName: String {
        ([module] + [className, function].compactMap { $0 }).joined(separator: ".")
    }

    package var isTyped: Bool { module == Self.typedModule && className == nil }

    /// The data of a typed call.
    package static func encode(
        _ function: some Encodable,
        named name: String,
        options: PickleWriter.Options
    ) throws(PickleError) -> [UInt8] {
        var writer = PickleWriter(options: options, capacity: 256)
        try writer.beginStream()
        try writer.beginTuple(count: 6)
        try writer.writeNone()
        try writer.write(typedModule)
        try writer.writeNone()
        try writer.write(name)
        try writer.beginTuple(count: 1)
        try PickleEncoder().encode(function, into: &writer)
        try writer.endContainer()
        try writer.beginKeywordArguments(count: 0)
        try writer.endContainer()
        try writer.endContainer()
        try writer.endStream()
        return writer.bytes
    }

    /// The data of a call by name; `name` is `module.function`.
    package static func encode(
        named name: String,
        arguments: [PickleValue],
        keywordArguments: PickleDictionary,
        options: PickleWriter.Options
    ) throws(PickleError) -> [UInt8] {
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex, name.index(after: dot) != name.endIndex else {
            throw PickleError(.unencodable, "\(name.debugDescription) is not of the form module.function")
        }
        let module = PickleValue.string(String(name[..<dot]))
        let function = PickleValue.string(String(name[name.index(after: dot)...]))
        var writer = PickleWriter(options: options)
        try writer.writeStream(
            .tuple([.none, module, .none, function, .tuple(arguments), .keywordArguments(keywordArguments)])
        )
        return writer.bytes
    }

    /// Reads the data of a call.
    package init(decoding data: [UInt8]) throws(MitogenError) {
        do throws(PickleError) {
            guard case .tuple(let items) = try PickleReader.decodeFirst(data), items.count == 6 else {
                throw PickleError(.typeMismatch, "a call is a tuple of six")
            }
            chainID = try Self.text(items[0])
            module = try Self.requiredText(items[1])
            className = try Self.text(items[2])
            function = try Self.requiredText(items[3])
            arguments = try Self.list(items[4])
            keywordArguments = try Self.dictionary(items[5])
        } catch {
            throw MitogenError(.streamError, "invalid call: \(error)")
        }
    }

    /// The value that the function's type is decoded from: the one argument of a typed call; of a call by name the
    /// keyword arguments, or the one positional argument that is a dictionary.
    package func properties() throws(MitogenError) -> PickleValue {
        if isTyped, arguments.count == 1 { return arguments[0] }
        if arguments.isEmpty { return .dictionary(keywordArguments) }
        if arguments.count == 1, keywordArguments.isEmpty, case .dictionary = arguments[0] { return arguments[0] }
        throw MitogenError(
            .callError,
            "\(registeredName) takes keyword arguments, or one dictionary of them",
            hint: "positional arguments have no names that could be matched with the function's properties"
        )
    }

    private static func text(_ value: PickleValue) throws(PickleError) -> String? {
        switch value {
        case .none: return nil
        case .string(let text): return text
        // Python 2 sends its str literals as bytes.
        case .bytes(let bytes): return String(decoding: bytes, as: UTF8.self)
        default: throw PickleError(.typeMismatch, "expected text")
        }
    }

    private static func requiredText(_ value: PickleValue) throws(PickleError) -> String {
        guard let text = try text(value) else { throw PickleError(.typeMismatch, "expected text") }
        return text
    }

    private static func list(_ value: PickleValue) throws(PickleError) -> [PickleValue] {
        switch value {
        case .tuple(let items), .list(let items): return items
        default: throw PickleError(.typeMismatch, "expected a tuple of arguments")
        }
    }

    private static func dictionary(_ value: PickleValue) throws(PickleError) -> PickleDictionary {
        switch value {
        case .keywordArguments(let items), .dictionary(let items): return items
        default: throw PickleError(.typeMismatch, "expected keyword arguments")
        }
    }
}
