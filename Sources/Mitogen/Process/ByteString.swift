//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import MitogenPickle

/// A string as the operating system has it: an argument, a variable or a path, which may be any bytes but zero.
///
/// Most are UTF-8 and are written as string literals. Names of files in older encodings are not, and a `String` cannot
/// hold those: `ByteString(bytes: [0x63, 0x61, 0x66, 0xe9])` can.
public struct ByteString: Sendable, Hashable {
    /// The bytes, without a zero byte at the end.
    public let bytes: [UInt8]

    /// - Parameter bytes: The bytes, without a zero byte at the end.
    public init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The text in UTF-8.
    public init(_ text: String) {
        bytes = Array(text.utf8)
    }

    init(cString: UnsafePointer<CChar>) {
        var length = 0
        while cString[length] != 0 { length += 1 }
        bytes = (0..<length).map { UInt8(bitPattern: cString[$0]) }
    }

    func hasPrefix(_ text: String) -> Bool {
        bytes.starts(with: text.utf8)
    }
}

extension ByteString: ExpressibleByStringLiteral {
    public init(stringLiteral text: String) {
        self.init(text)
    }
}

extension ByteString: CustomStringConvertible {
    /// The text; where the bytes are not UTF-8, those that are not ASCII as `\xe9`.
    public var description: String {
        let text = String(decoding: bytes, as: UTF8.self)
        if text.utf8.elementsEqual(bytes) { return text }
        return bytes.reduce(into: "") { text, byte in
            if byte < 0x80 {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                text += "\\x\(String(byte, radix: 16))"
            }
        }
    }
}

extension ByteString: PickleValueConvertible {
    public var pickleValue: PickleValue { .bytes(bytes) }

    /// Takes bytes; ``PickleError/Code/typeMismatch`` for anything else.
    public init(pickleValue: PickleValue) throws(PickleError) {
        guard case .bytes(let bytes) = pickleValue else { throw PickleError(.typeMismatch, "expected bytes") }
        self.bytes = bytes
    }
}
