//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenPickle

/// Python values as JSON.
enum JSONText {
    static func of(_ value: PickleValue) -> [UInt8] {
        switch value {
        case .none: Array("null".utf8)
        case .bool(let flag): Array("\(flag)".utf8)
        case .int(let number): Array("\(number)".utf8)
        case .bigInteger(let number): Array("\(number)".utf8)
        // JSON has no infinity and no NaN.
        case .float(let number): number.isFinite ? Array("\(number)".utf8) : JSONStringEscaper.string("\(number)")
        case .string(let text), .secret(let text), .callError(let text): JSONStringEscaper.string(text)
        case .bytes(let bytes), .blob(let bytes): self.base64(bytes)
        case .list(let items), .tuple(let items): self.joined(items.map(self.of), "[", "]")
        case .dictionary(let items), .keywordArguments(let items):
            self.joined(items.map { self.key($0.key) + [UInt8(ascii: ":")] + self.of($0.value) }, "{", "}")
        case .context(let id, _): Array("\(id)".utf8)
        case .sender(let id, let handle): Array("[\(id),\(handle)]".utf8)
        }
    }

    private static func key(_ value: PickleValue) -> [UInt8] {
        if case .string(let text) = value { return JSONStringEscaper.string(text) }
        return JSONStringEscaper.string("\(value)")
    }

    private static func joined(_ items: [[UInt8]], _ open: String, _ close: String) -> [UInt8] {
        Array(open.utf8) + items.joined(separator: [UInt8(ascii: ",")]) + Array(close.utf8)
    }

    private static func base64(_ bytes: [UInt8]) -> [UInt8] {
        var encoder = Base64StreamEncoder()
        var text = [UInt8(ascii: "\"")]
        encoder.encode(bytes, into: &text)
        encoder.finish(into: &text)
        return text + [UInt8(ascii: "\"")]
    }
}
