//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension PickleValue: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The value in Python's notation. A secret shows as `[secret]`, a blob as `[blob: N bytes]`, as they do in the
    /// logs of Python Mitogen; long bytes are cut.
    public var description: String {
        switch self {
        case .none: "None"
        case .bool(let value): value ? "True" : "False"
        case .int(let value): "\(value)"
        case .bigInteger(let value): value.description
        case .float(let value): value.isNaN ? "nan" : "\(value)"
        case .string(let text): PythonRepr.text(text)
        case .bytes(let bytes): PythonRepr.bytes(bytes)
        case .list(let items): "[\(PickleValue.joined(items))]"
        case .tuple(let items): "(\(PickleValue.joined(items))\(items.count == 1 ? "," : ""))"
        case .dictionary(let dictionary): dictionary.description
        case .blob(let bytes): "[blob: \(bytes.count) bytes]"
        case .secret: "[secret]"
        case .keywordArguments(let dictionary): "Kwargs(\(dictionary))"
        case .callError(let text): "CallError(\(PythonRepr.text(text)))"
        case .context(let id, let name): "Context(\(id), \(name.map(PythonRepr.text) ?? "None"))"
        case .sender(let id, let handle): "Sender(Context(\(id)), \(handle))"
        }
    }

    /// The same as ``description``: there is no form of a secret that shows its text.
    public var debugDescription: String { description }

    /// A mirror without the payload of the case, which the default mirror would show: secrets stay out of `dump`.
    public var customMirror: Mirror {
        switch self {
        case .list(let items), .tuple(let items):
            Mirror(self, unlabeledChildren: items, displayStyle: .collection, ancestorRepresentation: .suppressed)
        case .dictionary(let dictionary), .keywordArguments(let dictionary):
            Mirror(
                self,
                unlabeledChildren: dictionary.entries,
                displayStyle: .dictionary,
                ancestorRepresentation: .suppressed
            )
        default:
            Mirror(self, children: [], ancestorRepresentation: .suppressed)
        }
    }

    private static func joined(_ items: [PickleValue]) -> String {
        items.map(\.description).joined(separator: ", ")
    }
}
