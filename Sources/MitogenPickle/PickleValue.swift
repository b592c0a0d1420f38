//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// One value of a Mitogen message, as a Python peer would see it.
///
/// The cases are the types the Mitogen wire protocol allows (section 2.4 of the semantics: `None`, bool, int, float,
/// text, bytes, list, tuple, dict, and Mitogen's own marked types). Values are compared the way they are written:
/// texts by their UTF-8 bytes, not by Unicode equivalence, since two texts that Swift calls equal can be two different
/// keys of a Python `dict`. Unlike in Python, `1`, `1.0` and `True` are three different values.
///
/// A ``secret(_:)`` never shows its text in a description, a debug description or a mirror.
public enum PickleValue: Sendable {
    /// Python's `None`.
    case none
    /// Python's `True` and `False`.
    case bool(Bool)
    /// A Python `int` that fits `Int`.
    case int(Int)
    /// A Python `int` beyond `Int`.
    case bigInteger(PickleBigInteger)
    /// A Python `float`.
    case float(Double)
    /// Python text: `str` of Python 3, `unicode` of Python 2.
    case string(String)
    /// Python `bytes`, and `str` of a Python 2 peer.
    case bytes([UInt8])
    /// A Python `list`.
    case list([PickleValue])
    /// A Python `tuple`.
    case tuple([PickleValue])
    /// A Python `dict`.
    case dictionary(PickleDictionary)
    /// Bytes marked as bulk data (`mitogen.core.Blob`), so that logs leave them out.
    case blob([UInt8])
    /// Text marked as confidential (`mitogen.core.Secret`), so that logs leave it out.
    case secret(String)
    /// A `dict` marked as the keyword arguments of a call (`mitogen.core.Kwargs`).
    case keywordArguments(PickleDictionary)
    /// The text of an exception raised by a remote call (`mitogen.core.CallError`).
    case callError(String)
    /// A reference to a context (`mitogen.core.Context`).
    case context(id: UInt32, name: String?)
    /// A reference to a handle of a context (`mitogen.core.Sender`).
    case sender(contextID: UInt32, handle: UInt32)
}

extension PickleValue {
    /// An integer of any size from little-endian two's complement bytes: ``int(_:)`` if it fits, else
    /// ``bigInteger(_:)``. No bytes at all mean zero, as in pickle's `LONG1`.
    ///
    /// - Parameter bytes: The bytes, least significant first; they need not be of minimal length.
    public static func integer(littleEndianTwosComplement bytes: some Collection<UInt8>) -> PickleValue {
        let integer = PickleBigInteger(littleEndianTwosComplement: bytes)
        return integer.exactly(Int.self).map { .int($0) } ?? .bigInteger(integer)
    }

    /// An integer of any type: ``int(_:)`` if it fits, else ``bigInteger(_:)``.
    public static func integer(_ value: some FixedWidthInteger) -> PickleValue {
        Int(exactly: value).map { .int($0) } ?? .bigInteger(PickleBigInteger(value))
    }

    /// What kind of value this is, for messages. It never contains the value itself, which may be secret or huge.
    var kind: String {
        switch self {
        case .none: "None"
        case .bool: "bool"
        case .int, .bigInteger: "int"
        case .float: "float"
        case .string: "text"
        case .bytes: "bytes"
        case .list: "list"
        case .tuple: "tuple"
        case .dictionary: "dict"
        case .blob: "Blob"
        case .secret: "Secret"
        case .keywordArguments: "Kwargs"
        case .callError: "CallError"
        case .context: "Context"
        case .sender: "Sender"
        }
    }

    /// Whether Python can use this value as a key: it refuses lists and dicts, also inside tuples.
    var isHashableInPython: Bool {
        switch self {
        case .list, .dictionary, .keywordArguments: false
        case .tuple(let items): items.allSatisfy(\.isHashableInPython)
        default: true
        }
    }
}
