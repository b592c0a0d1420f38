//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import MitogenPickle
import Testing

/// Versions of the Python Mitogen, in virtual environments that `scripts/test` makes.
enum PythonPeer: String, Sendable, CaseIterable {
    case current = "0.3.54"
    /// It knows one kind of frames only, and other limits.
    case old = "0.3.27"

    private static let root: URL = (0..<3).reduce(URL(fileURLWithPath: #filePath)) { url, _ in
        url.deletingLastPathComponent()
    }

    var interpreter: String { Self.root.path + "/.build/python/\(rawValue)/bin/python" }

    static var areThere: Bool { allCases.allSatisfy { FileManager.default.isExecutableFile(atPath: $0.interpreter) } }

    /// What it makes of frames, see `vectors.py`.
    func answers(to requests: [Request]) throws -> [Answer] {
        let lines = try requests.map { String(decoding: try JSONEncoder().encode($0), as: UTF8.self) }
        let program = Self.root.path + "/Tests/PythonTests/Programs/vectors.py"
        return try Python.run([interpreter, program], lines).map { line in
            try JSONDecoder().decode(Answer.self, from: Data(line.utf8))
        }
    }

    struct Request: Encodable {
        var hex: String
        var isPickle: Bool
        var repr: String?
        var count = 1
    }

    struct Answer: Decodable, Equatable {
        var values: [String]?
        var expected: [String]?
        var written: String?
        var error: String?
        var ends: Bool?
    }
}

@Suite("Vectors and real peers", .enabled(if: PythonPeer.areThere, "scripts/test makes the virtual environments"))
struct PeerVectorTests {
    /// What a version accepts or refuses unlike 0.3.54.
    private static let otherInOld: [String: WireVector.Expectation] = [
        "context_name_100": .reject, "context_name_500": .reject, "reject_sender_large_handle": .ok,
    ]

    /// What a version writes otherwise: bytes by themselves are for 0.3.54 what Python 2 would write.
    private static func writesOtherwise(_ name: String, _ peer: PythonPeer) -> Bool {
        WireVectorTests.dependingOnIdentity[name] != nil || name == "memo_shared_str"
            || peer == .old && ["bytes_empty_toplevel", "bytes_toplevel"].contains(name)
    }

    private static let frames = WireVector.all.filter { $0.kind == "frame" }

    @Test(
        "The package reads every vector, and what is written here for it; what it writes is read here",
        arguments: PythonPeer.allCases
    )
    func table(_ peer: PythonPeer) throws {
        var cases: [(vector: WireVector, isOwn: Bool, hex: String)] = []
        for vector in Self.frames {
            cases.append((vector, false, vector.hex))
            guard vector.isPickle, vector.expect == .ok, vector.decodeOnly != true else { continue }
            let values = try #require(ExpectedValues.byName[vector.name])
            var writer = PickleWriter()
            for value in values { try writer.writeStream(value) }
            let count = String(writer.bytes.count, radix: 16)
            let length = String(repeating: "0", count: 8 - count.count) + count
            cases.append((vector, true, vector.hex.prefix(44) + length + writer.bytes.hex))
        }
        let answers = try peer.answers(
            to: cases.map { vector, _, hex in
                let isOK = vector.isPickle && vector.expect == .ok
                return PythonPeer.Request(
                    hex: Self.frame(hex, for: peer),
                    isPickle: vector.isPickle || vector.expect == .reject,
                    repr: isOK ? vector.repr : nil,
                    count: vector.repr.components(separatedBy: " then ").count
                )
            }
        )
        try #require(answers.count == cases.count)
        for ((vector, isOwn, _), answer) in zip(cases, answers) {
            // The old one has no resources, whose messages have two values.
            if peer == .old, vector.name.hasPrefix("load_resource") { continue }
            let expectation = (peer == .old ? Self.otherInOld[vector.name] : nil) ?? vector.expect
            let what: Comment = "\(vector.name), \(isOwn ? "written here" : "the vector"): \(answer)"
            switch expectation {
            case .disconnect: #expect(answer.ends == true, what)
            case .reject where vector.name == "reject_bin_as_pickle" && peer == .old:
                // To it a frame of such a kind is no frame.
                #expect(answer.ends == true || answer.error != nil, what)
            case .reject: #expect(answer.error != nil && !(answer.error?.hasPrefix("it is packed") ?? false), what)
            case .ok:
                #expect(answer.error == nil && answer.ends == nil, what)
                #expect(answer.expected == nil || answer.values == answer.expected, what)
                guard let written = answer.written, vector.expect == .ok else { continue }
                let first = ExpectedValues.byName[vector.name]?.first
                #expect(try readAll([UInt8](hex: written)).first?.description == first?.description, what)
                if !Self.writesOtherwise(vector.name, peer), vector.decodeOnly != true,
                    vector.repr.components(separatedBy: " then ").count == 1
                {
                    #expect(written == vector.payload.hex, what)
                }
            }
        }
    }

    /// The kind of frame that a version knows; contexts here send it to a peer of which they know nothing.
    private static func frame(_ hex: String, for peer: PythonPeer) -> String {
        peer == .old && (hex.hasPrefix("4d4a") || hex.hasPrefix("4d4b")) ? "4d49" + hex.dropFirst(4) : hex
    }

    @Test("The text of an error has 9,999 characters at most, and a name 99", arguments: PythonPeer.allCases)
    func limits(_ peer: PythonPeer) throws {
        func reply(_ value: PickleValue) throws -> PythonPeer.Request {
            var writer = PickleWriter()
            try writer.writeStream(value)
            let header = "4d49000000000000000100000001000003e800000000" + String(format: "%08x", writer.bytes.count)
            return PythonPeer.Request(hex: header + writer.bytes.hex, isPickle: true)
        }
        let longest = String(repeating: "ä", count: 9_999)
        let name = String(repeating: "😀", count: 99)
        let answers = try peer.answers(to: [
            reply(.callError(longest)), reply(.context(id: 7, name: name)),
            reply(.sender(contextID: .max, handle: .max)),
        ])
        try #require(answers.count == 3)
        for answer in answers { #expect(answer.error == nil, "\(answer)") }
        #expect(try readAll([UInt8](hex: answers[0].written ?? "")) == [.callError(longest)])
        #expect(try readAll([UInt8](hex: answers[1].written ?? "")) == [.context(id: 7, name: name)])
        #expect(throws: PickleError.self) { try reply(.callError(longest + "x")) }
        #expect(try reply(.context(id: 7, name: name + "x")).hex == reply(.context(id: 7, name: name)).hex)
        #expect(throws: PickleError.self) { try reply(.sender(contextID: 7, handle: 0)) }
    }
}
