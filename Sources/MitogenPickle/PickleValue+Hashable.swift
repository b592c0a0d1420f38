//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension PickleValue: Hashable {
    /// Whether two values have the same kind and content; texts are compared by their UTF-8 bytes.
    ///
    /// Unlike for `Double`, "not a number" equals itself: otherwise a peer could send a dictionary with any number of
    /// keys that hash alike.
    public static func == (lhs: PickleValue, rhs: PickleValue) -> Bool {
        switch (lhs, rhs) {
        case (.none, .none): true
        case (.bool(let lhs), .bool(let rhs)): lhs == rhs
        case (.int(let lhs), .int(let rhs)): lhs == rhs
        case (.bigInteger(let lhs), .bigInteger(let rhs)): lhs == rhs
        case (.float(let lhs), .float(let rhs)): lhs == rhs || lhs.isNaN && rhs.isNaN
        case (.string(let lhs), .string(let rhs)), (.secret(let lhs), .secret(let rhs)),
            (.callError(let lhs), .callError(let rhs)):
            lhs.hasSameBytes(as: rhs)
        case (.bytes(let lhs), .bytes(let rhs)), (.blob(let lhs), .blob(let rhs)): lhs == rhs
        case (.list(let lhs), .list(let rhs)), (.tuple(let lhs), .tuple(let rhs)): lhs == rhs
        case (.dictionary(let lhs), .dictionary(let rhs)), (.keywordArguments(let lhs), .keywordArguments(let rhs)):
            lhs == rhs
        case (.context(let lhs, let lhsName), .context(let rhs, let rhsName)):
            lhs == rhs && lhsName.map { .string($0) } ?? PickleValue.none == rhsName.map { .string($0) } ?? .none
        case (.sender(let lhs, let lhsHandle), .sender(let rhs, let rhsHandle)): lhs == rhs && lhsHandle == rhsHandle
        default: false
        }
    }

    /// Feeds the content to the hasher; texts by their UTF-8 bytes, so that a peer cannot send many texts which differ
    /// but hash alike.
    public func hash(into hasher: inout Hasher) {
        switch self {
        case .none: hasher.combine(0 as UInt8)
        case .bool(let value): hasher.combine(value)
        case .int(let value): hasher.combine(value)
        case .bigInteger(let value): hasher.combine(value)
        case .float(let value): hasher.combine(value.isNaN ? .nan : value)
        case .string(let text), .secret(let text), .callError(let text): text.hashBytes(into: &hasher)
        case .bytes(let bytes), .blob(let bytes): hasher.combine(bytes)
        case .list(let items), .tuple(let items): hasher.combine(items)
        case .dictionary(let dictionary), .keywordArguments(let dictionary): hasher.combine(dictionary)
        case .context(let id, let name):
            hasher.combine(id)
            name?.hashBytes(into: &hasher)
        case .sender(let id, let handle):
            hasher.combine(id)
            hasher.combine(handle)
        }
    }
}

extension String {
    /// Equality as a Python peer sees it: the same code points, not just canonically equivalent ones. The comparison of
    /// Swift is asked first, since it is fast at finding differences.
    func hasSameBytes(as other: String) -> Bool {
        utf8.count == other.utf8.count && self == other && utf8.elementsEqual(other.utf8)
    }

    /// Feeds the UTF-8 bytes to the hasher, without the normalisation that `String` itself applies.
    func hashBytes(into hasher: inout Hasher) {
        var copy = self
        copy.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        hasher.combine(utf8.count)
    }
}
