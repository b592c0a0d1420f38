//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenPickle
import Testing

@testable import MitogenProtocol

@Suite("The bytes of a plain call")
struct PlainCallTests {
    private struct Function: Codable, Equatable {
        var value = 7
        var name = "nginx"
        var bytes: [UInt8] = [1, 0x80]
        var parts: [[String: Int]] = [["a": 1], [:]]
    }

    private static let styles: [PickleWriter.BytesStyle] = [.binary, .python]

    @Test("are those that a call has when it is written as a whole", arguments: styles)
    func sameBytes(_ style: PickleWriter.BytesStyle) throws {
        let options = PickleWriter.Options(bytesStyle: style)
        let head = try PlainCall.head(named: "4main5GreetV", options: options)
        let data = try PlainCall.encode(Function(), head: head, options: options)
        #expect(try data == CallRequest.encode(Function(), named: "4main5GreetV", options: options))
    }

    @Test("lead to the name and the properties", arguments: styles)
    func parts(_ style: PickleWriter.BytesStyle) throws {
        let data = try CallRequest.encode(Function(), named: "4main5GreetV", options: .init(bytesStyle: style))
        let parts = try #require(PlainCall.parts(of: data))
        #expect(String(decoding: data[parts.name], as: UTF8.self) == "4main5GreetV")
        let value = try #require(PlainCall.properties(in: data, at: parts.properties))
        #expect(try CallRequest(decoding: data).properties == .value(value))
        #expect(try PickleDecoder().decode(Function.self, from: value) == Function())
    }

    @Test("are not found in calls with a chain or options, of other modules, or cut anywhere")
    func others() throws {
        let options = PickleWriter.Options(bytesStyle: .binary)
        let plain = try CallRequest.encode(Function(), named: "4main5GreetV", options: options)
        for count in 0..<plain.count { #expect(PlainCall.parts(of: Array(plain[..<count])) == nil) }
        var timeout = CallOptions()
        timeout.timeout = 3
        for data in [
            try CallRequest.encode(Function(), named: "4main5GreetV", chainID: "c", options: options),
            try CallRequest.encode(Function(), named: "4main5GreetV", callOptions: timeout, options: options),
            try CallRequest.encode(
                named: "os.getpid",
                arguments: [1],
                keywordArguments: [:],
                chainID: nil,
                options: options
            ),
        ] { #expect(PlainCall.parts(of: data) == nil) }
    }

    @Test("with properties that are no single value are left to the reader of calls")
    func malformed() throws {
        let data = try CallRequest.encode(Function(), named: "f", options: .init(bytesStyle: .binary))
        let parts = try #require(PlainCall.parts(of: data))
        for middle: [UInt8] in [[], [0x4E, 0x4E], [0x2E], [0x85], [0x68, 0], [0x28], [0x4E, 0x2E], [0xFF]] {
            var other = data
            other.replaceSubrange(parts.properties, with: middle)
            let range = parts.properties.lowerBound..<parts.properties.lowerBound + middle.count
            #expect(PlainCall.properties(in: other, at: range) == nil)
            #expect(throws: MitogenError.self) { try CallRequest(decoding: other) }
        }
    }

    @Test("whose name claims to be longer than the data are not taken apart")
    func lengths() throws {
        let data = try CallRequest.encode(Function(), named: "f", options: .init(bytesStyle: .binary))
        let parts = try #require(PlainCall.parts(of: data))
        for length in [UInt32.max, 0x7FFF_FFFF, UInt32(parts.properties.upperBound - 20), UInt32(data.count)] {
            var other = data
            withUnsafeBytes(of: length.littleEndian) { other.replaceSubrange(16..<20, with: $0) }
            #expect(PlainCall.parts(of: other) == nil)
        }
    }

    @Test("hold properties as deep as another call does, and no deeper")
    func depth() throws {
        struct Nested: Encodable {
            var levels: Int
            func encode(to encoder: any Encoder) throws {
                var container = encoder.unkeyedContainer()
                if levels > 1 { try container.encode(Nested(levels: levels - 1)) }
            }
        }
        for (levels, isRead) in [(98, true), (99, false)] {
            let options = PickleWriter.Options(bytesStyle: .binary, depthLimit: 200)
            let data = try CallRequest.encode(Nested(levels: levels), named: "f", options: options)
            let parts = try #require(PlainCall.parts(of: data))
            #expect((PlainCall.properties(in: data, at: parts.properties) != nil) == isRead)
            #expect(((try? CallRequest(decoding: data)) != nil) == isRead)
        }
    }
}
