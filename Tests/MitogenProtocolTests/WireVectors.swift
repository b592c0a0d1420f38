//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import MitogenProtocol
import Testing

/// The byte-exact examples of the Mitogen wire protocol, which Python made.
struct WireVector: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    let hex: String
    let kind: String
    let expect: String

    var testDescription: String { name }

    var bytes: [UInt8] {
        let digits = Array(hex.utf8)
        return stride(from: 0, to: digits.count - 1, by: 2).compactMap { index in
            UInt8(String(decoding: digits[index..<index + 2], as: UTF8.self), radix: 16)
        }
    }

    var data: [UInt8] { Array(bytes.dropFirst(MessageHeader.size)) }

    func message() throws -> Message {
        let header = try #require(bytes.withUnsafeBytes(MessageHeader.init(parsing:)))
        return Message(header: header, data: data)
    }

    static let all: [WireVector] = load()
    /// Those that are frames with a header which is correct.
    static let frames = all.filter { $0.kind == "frame" && $0.expect != "disconnect" }

    static func named(_ name: String) throws -> WireVector {
        try #require(all.first { $0.name == name })
    }

    private static func load() -> [WireVector] {
        struct File: Decodable {
            let vectors: [WireVector]
        }
        let url = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../Vectors/wire-vectors.json")
        guard let data = try? Data(contentsOf: url), let file = try? JSONDecoder().decode(File.self, from: data) else {
            return []
        }
        return file.vectors
    }
}

/// The bytes of a message as they are on the wire.
func frame(_ message: Message) -> [UInt8] {
    frame(message.header) + message.data
}

/// The 26 bytes of a header.
func frame(_ header: MessageHeader) -> [UInt8] {
    withUnsafeBytes(of: header.bytes) { Array($0.prefix(MessageHeader.size)) }
}
