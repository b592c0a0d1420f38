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
/// properties. Between Swift contexts there can be a seventh item, ``CallOptions``.
package struct CallRequest: Sendable, Hashable {
    /// The module that marks the call of a Swift function by its type.
    package static let typedModule = "swift"

    package let chainID: String?
    package let module: String
    package let className: String?
    package let function: String
    package let arguments: [PickleValue]
    package let keywordArguments: PickleDictionary
    package let callOptions: CallOptions

    /// The name by which a function is registered for other programs.
    package var registeredName: String {
        ([module] + [className, function].compactMap { $0 }).joined(separator: ".")
    }

    package var isTyped: Bool { module == Self.typedModule && className == nil }

    /// Python's function that makes a callee forget the failure of a chain.
    package static let forgetChainName = "mitogen.core.Dispatcher.forget_chain"

    /// The chain whose failure this call asks to forget, if that is what it does.
    package var forgottenChain: String? {
        guard className == "Dispatcher", registeredName == Self.forgetChainName, arguments.count == 1 else {
            return nil
        }
        return (try? Self.text(arguments[0])) ?? nil
    }

    /// The data of the call that makes the callee forget the failure of a chain, as Python sends it.
    package static func encodeForgetting(chainID: String) throws(PickleError) -> [UInt8] {
        var writer = PickleWriter(options: .init(bytesStyle: .python))
        let arguments = PickleValue.tuple([.string(chainID)])
        try writer.writeStream(
            .tuple([.none, "mitogen.core", "Dispatcher", "forget_chain", arguments, .keywordArguments([:])])
        )
        return writer.bytes
    }

    /// The data of a typed call.
    package static func encode(
        _ function: some Encodable,
        named name: String,
        chainID: String? = nil,
        callOptions: CallOptions = .init(),
        options: PickleWriter.Options
    ) throws(PickleError) -> [UInt8] {
        var writer = PickleWriter(options: options, capacity: 256)
        try writeHead(named: name, chainID: chainID, count: callOptions.isEmpty ? 6 : 7, to: &writer)
        try writer.beginTuple(count: 1)
        try PickleEncoder().encode(function, into: &writer)
        try writer.endContainer()
        try writer.beginKeywordArguments(count: 0)
        try writer.endContainer()
        if !callOptions.isEmpty { try writer.write(.dictionary(callOptions.items)) }
        try writer.endContainer()
        try writer.endStream()
        return writer.bytes
    }

    /// What comes before the arguments of a typed call.
    static func writeHead(
        named name: String,
        chainID: String?,
        count: Int,
        to writer: inout PickleWriter
    ) throws(PickleError) {
        try writer.beginStream()
        try writer.beginTuple(count: count)
        if let chainID { try writer.write(chainID) } else { try writer.writeNone() }
        try writer.write(typedModule)
        try writer.writeNone()
        try writer.write(name)
    }

    /// The data of a call by name; `name` is `module.function`.
    package static func encode(
        named name: String,
        arguments: [PickleValue],
        keywordArguments: PickleDictionary,
        chainID: String? = nil,
        callOptions: CallOptions = .init(),
        options: PickleWriter.Options
    ) throws(PickleError) -> [UInt8] {
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex, name.index(after: dot) != name.endIndex else {
            throw PickleError(.unencodable, "\(name.debugDescription) is not of the form module.function")
        }
        let module = PickleValue.string(String(name[..<dot]))
        let function = PickleValue.string(String(name[name.index(after: dot)...]))
        var writer = PickleWriter(options: options)
        let chain = chainID.map { PickleValue.string($0) } ?? .none
        var items = [chain, module, .none, function, .tuple(arguments), .keywordArguments(keywordArguments)]
        if !callOptions.isEmpty { items.append(.dictionary(callOptions.items)) }
        try writer.writeStream(.tuple(items))
        return writer.bytes
    }

    /// Reads the data of a call.
    package init(decoding data: [UInt8]) throws(MitogenError) {
        do throws(PickleError) {
            guard case .tuple(let items) = try PickleReader.decodeFirst(data, limits: .fitting(data)),
                6...7 ~= items.count
            else {
                throw PickleError(.typeMismatch, "a call is a tuple of six or seven")
            }
            chainID = try Self.text(items[0])
            module = try Self.requiredText(items[1])
            className = try Self.text(items[2])
            function = try Self.requiredText(items[3])
            arguments = try Self.list(items[4])
            keywordArguments = try Self.dictionary(items[5])
            callOptions = items.count == 7 ? CallOptions(try Self.dictionary(items[6])) : CallOptions()
        } catch {
            throw MitogenError(.streamError, "invalid call: \(error)")
        }
    }

    /// What the beginning of a call's data says about its chain.
    package enum ChainMark: Sendable, Hashable {
        case none
        case chain(String)
        /// It is written in a way that takes a reader to understand.
        case unclear
    }

    /// Finds the chain of a call without decoding the call, which can be large: it is the first thing in the data.
    package static func chainMark(in data: [UInt8]) -> ChainMark {
        // PROTO, its argument, MARK, then NONE or BINUNICODE with four bytes of length, least significant first.
        guard data.count > 8, data[0] == 0x80, data[2] == UInt8(ascii: "(") else { return .unclear }
        if data[3] == UInt8(ascii: "N") { return .none }
        guard data[3] == UInt8(ascii: "X"), data[6] == 0, data[7] == 0 else { return .unclear }
        let count = Int(data[4]) | Int(data[5]) << 8
        guard data.count >= 8 + count else { return .unclear }
        return .chain(String(decoding: data[8..<8 + count], as: UTF8.self))
    }

    /// What the function's type is decoded from.
    package enum Properties: Sendable, Equatable {
        /// A value with all of them.
        case value(PickleValue)
        /// The arguments of a call by name, some of which have no names.
        case arguments([PickleValue], named: PickleDictionary)
    }

    /// The one argument of a typed call. Of a call by name the arguments, or the one positional argument that is a
    /// dictionary.
    package var properties: Properties {
        if arguments.isEmpty { return .value(.dictionary(keywordArguments)) }
        if arguments.count == 1, isTyped { return .value(arguments[0]) }
        if arguments.count == 1, keywordArguments.isEmpty, case .dictionary = arguments[0] {
            return .value(arguments[0])
        }
        return .arguments(arguments, named: keywordArguments)
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
