//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension PickleReader {
    /// A call error's text is shorter than this, or cut; a context's name no longer than ``contextNameLimit``.
    static let callErrorLimit = 10_000
    static let contextNameLimit = 500

    /// Calls a global with a tuple of arguments: the only calls a pickle can make are these constructors.
    mutating func reduce() throws(PickleError) {
        let position = try top(2)
        guard stack.slots[position].state == .global else {
            throw PickleError(.malformed, "something is called that is not a class or function")
        }
        guard case .tuple(let items) = stack.values[position + 1] else {
            throw PickleError(.malformed, "the arguments of a call are not a tuple")
        }
        let value = try construct(stack.slots[position].global, items)
        var slot = stack.slots[position + 1].settled
        if case .keywordArguments = value {
            // Two levels: the tuple stays counted, as the writer does.
        } else {
            slot.depth = 0
        }
        stack.removeLast(2)
        stack.append(value, slot)
    }

    private func construct(_ global: PickleGlobal, _ items: [PickleValue]) throws(PickleError) -> PickleValue {
        switch global {
        case .codecsEncode: return .bytes(try Self.latin1(items))
        case .callErrorFunction, .callErrorClass: return try Self.callError(items)
        case .context: return try Self.context(items)
        case .sender: return try Self.sender(items)
        case .bytes:
            guard items.isEmpty else {
                throw Self.refusal(of: "bytes")
            }
            return .bytes([])
        case .blob:
            guard items.count == 1, case .bytes(let bytes) = items[0] else {
                throw Self.refusal(of: "Blob")
            }
            return .blob(bytes)
        case .secret:
            guard items.count == 1, case .string(let text) = items[0] else {
                throw Self.refusal(of: "Secret")
            }
            return .secret(text)
        case .keywordArguments:
            guard items.count == 1, case .dictionary(let pairs) = items[0] else {
                throw Self.refusal(of: "Kwargs")
            }
            return .keywordArguments(try Self.withTextKeys(pairs))
        }
    }

    private static func callError(_ items: [PickleValue]) throws(PickleError) -> PickleValue {
        guard items.count == 1, case .string(let text) = items[0] else { throw refusal(of: "CallError") }
        // Python's functions may fail with more than its own reader takes: the beginning says why.
        let end = text.unicodeScalars.index(text.startIndex, offsetBy: callErrorLimit, limitedBy: text.endIndex)
        return .callError(end.map { String(text[..<text.unicodeScalars.index(before: $0)]) } ?? text)
    }

    private static func context(_ items: [PickleValue]) throws(PickleError) -> PickleValue {
        guard items.count == 2, case .int(let value) = items[0], let id = UInt32(exactly: value) else {
            throw refusal(of: "Context")
        }
        switch items[1] {
        case .none: return .context(id: id, name: nil)
        case .string(let name) where name.unicodeScalars.count <= contextNameLimit: return .context(id: id, name: name)
        default: throw refusal(of: "Context")
        }
    }

    private static func sender(_ items: [PickleValue]) throws(PickleError) -> PickleValue {
        guard items.count == 2, case .int(let idValue) = items[0], case .int(let handleValue) = items[1],
            let id = UInt32(exactly: idValue), let handle = UInt32(exactly: handleValue), handle > 0
        else {
            throw refusal(of: "Sender", " or missing router")
        }
        return .sender(contextID: id, handle: handle)
    }

    /// How Python 3 sends bytes within a larger value: as text with a character for each byte. The name of the encoding
    /// is ignored, as in Mitogen.
    private static func latin1(_ items: [PickleValue]) throws(PickleError) -> [UInt8] {
        guard items.count == 2, case .string(var text) = items[0] else {
            throw refusal(of: "bytes")
        }
        let bytes: [UInt8]? = text.withUTF8 { utf8 in
            var bytes: [UInt8] = []
            bytes.reserveCapacity(utf8.count)
            var position = 0
            while position < utf8.count {
                let byte = utf8[position]
                if byte < 0x80 {
                    bytes.append(byte)
                    position += 1
                } else if byte <= 0xC3 {
                    // The text is valid UTF-8, so a byte of the form 10xxxxxx follows.
                    bytes.append(byte << 6 | utf8[position + 1] & 0x3F)
                    position += 2
                } else {
                    return nil
                }
            }
            return bytes
        }
        guard let bytes else {
            throw PickleError(.invalidValue, "invalid message: bytes sent as text have a character above U+00FF")
        }
        return bytes
    }

    /// Keyword arguments of a Python 2 peer have names of type bytes.
    private static func withTextKeys(_ pairs: PickleDictionary) throws(PickleError) -> PickleDictionary {
        let hasBytes = pairs.entries.contains { if case .bytes = $0.key { true } else { false } }
        guard hasBytes else {
            return pairs
        }
        var result = PickleDictionary()
        result.reserveCapacity(pairs.count)
        for (key, value) in pairs.entries {
            guard case .bytes(let bytes) = key else {
                result.updateValue(value, forKey: key)
                continue
            }
            guard let name = String(validating: bytes, as: UTF8.self) else {
                throw PickleError(.invalidValue, "invalid message: the name of a keyword argument is not UTF-8")
            }
            result.updateValue(value, forKey: .string(name))
        }
        return result
    }

    private static func refusal(of name: String, _ addition: String = "") -> PickleError {
        PickleError(.invalidValue, "invalid message: cannot unpickle \(name): bad input\(addition)")
    }
}
