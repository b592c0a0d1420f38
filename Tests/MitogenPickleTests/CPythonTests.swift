//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import MitogenPickle
import Testing

/// The real CPython, if there is one.
enum Python {
    static let path: String? = {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        return folders.map { "\($0)/python3" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }()

    /// Runs a script with lines as input, and returns the lines of its output.
    static func run(_ script: String, _ lines: [String]) throws -> [String] {
        try run([path ?? "", "-c", script], lines)
    }

    /// Runs an interpreter with arguments.
    static func run(_ command: [String], _ lines: [String]) throws -> [String] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        let folder = FileManager.default.temporaryDirectory
        let inputFile = folder.appendingPathComponent("mitogen-pickle-\(UUID().uuidString)")
        try Data(lines.joined(separator: "\n").utf8).write(to: inputFile)
        defer { try? FileManager.default.removeItem(at: inputFile) }
        let output = Pipe()
        process.standardInput = try FileHandle(forReadingFrom: inputFile)
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}

@Suite("CPython", .enabled(if: Python.path != nil, "python3 is not on PATH"))
struct CPythonTests {
    /// Values in Python's notation, which our descriptions follow.
    static let values: [PickleValue] = [
        nil, true, false, 0, 255, 256, 65_535, 65_536, -1, .int(.max), .int(.min), .integer(UInt64.max),
        .integer(Int128.min), 1.5, -0.0, 1e300, "", "text", "h\u{E9}\u{20AC}\u{1F600}", "a\nb'c", .bytes([]),
        .bytes([0x41]), .bytes([0, 0x7F, 0x80, 0xFF, 0x27]), .tuple([]), .tuple([1]), .tuple([1, 2]),
        .tuple([1, 2, 3]),
        .tuple([1, 2, 3, 4]), [], [1], [1, 2], [[], [[]]], [:], ["a": 1], ["a": [1, .tuple([nil, .bytes([1, 2])])]],
        [1: .bytes([1]), "b": .bytes([1]), .bytes([1]): .bytes([]), .tuple([1, "x"]): nil],
        .list((0..<2_500).map { .int($0 * 1_000) }), .list(Array(repeating: "same", count: 300)),
        .dictionary(PickleDictionary((0..<1_001).map { (key: .int($0), value: .string("v\($0)")) })),
        .list((0..<300).map { [.string("item \($0)"), .bytes([UInt8($0 % 256)])] }),
    ]

    @Test("CPython reads the first of two pickles, as behind an error's text its value may come")
    func firstOfTwo() throws {
        var writer = PickleWriter()
        try writer.writeStream(.callError("Shop.OutOfStock: no tea"))
        var value = PickleWriter(options: .init(bytesStyle: .binary))
        try value.writeStream(.tuple([.string("4Shop10OutOfStockV"), ["item": "tea", "code": .bytes([0xFF])]]))
        let script = """
            import io, pickle, sys
            class Unpickler(pickle.Unpickler):
                def find_class(self, module, name):
                    return lambda *arguments: (module, name) + arguments
            for line in sys.stdin:
                print(Unpickler(io.BytesIO(bytes.fromhex(line.strip())), encoding="bytes").load())
            """
        let lines = try Python.run(script, [(writer.bytes + value.bytes).hex])
        #expect(lines == ["('mitogen.core', '_unpickle_call_error', 'Shop.OutOfStock: no tea')"])
    }

    @Test("CPython loads what is written", arguments: [false, true])
    func loads(_ memoizes: Bool) throws {
        let options = PickleWriter.Options(memoizes: memoizes)
        let pickles = try Self.values.map { value in
            var writer = PickleWriter(options: options)
            try writer.writeStream(value)
            return writer.bytes.hex
        }
        let script = """
            import pickle, sys
            for line in sys.stdin:
                data = bytes.fromhex(line.strip())
                print(ascii(pickle.loads(data, encoding='bytes')))
            """
        // Python prints the value, Python reads what we print: equal objects have equal representations.
        let printed = try Python.run(script, pickles)
        let expected = try Python.run(
            "import sys\nfor l in sys.stdin: print(ascii(eval(l)))",
            Self.values.map(\.literal)
        )
        #expect(printed == expected)
        #expect(printed.count == Self.values.count)
    }

    @Test("CPython loads Codable values, and bytes in the binary style")
    func loadsCodable() throws {
        let value = Nested(name: "n", points: [Point(x: 1, y: 2)], inner: ["a": []], optional: nil, missing: nil)
        let script = "import pickle, sys\nfor l in sys.stdin: print(pickle.loads(bytes.fromhex(l.strip())))"
        let binary = PickleEncoder(options: .init(bytesStyle: .binary))
        let lines = try Python.run(
            script,
            [PickleEncoder().encode(value).hex, binary.encode([[UInt8]([1, 200]), []]).hex]
        )
        #expect(lines.first == "{'name': 'n', 'points': [{'x': 1, 'y': 2.0}], 'inner': {'a': []}}")
        #expect(lines.last == #"[b'\x01\xc8', b'']"#)
    }

    @Test("Batches are those of CPython", arguments: [0, 1, 2, 999, 1_000, 1_001, 1_002, 2_000, 2_001, 3_000])
    func batches(_ count: Int) throws {
        let list = PickleValue.list((0..<count).map { .int($0) })
        let pairs = PickleValue.dictionary(PickleDictionary((0..<count).map { (key: .int($0), value: nil) }))
        let script = """
            import pickle
            print(pickle.dumps(list(range(\(count))), 2).hex())
            print(pickle.dumps(dict.fromkeys(range(\(count))), 2).hex())
            """
        let written = try [list, pairs].map { value in
            var writer = PickleWriter(options: .init(memoizes: true))
            try writer.writeStream(value)
            return writer.bytes.hex
        }
        #expect(try Python.run(script, []) == written)
    }

    @Test("What CPython dumps is read, by both of its picklers")
    func dumps() throws {
        let script = """
            import io, pickle, sys
            for line in sys.stdin:
                value = eval(line)
                print(pickle.dumps(value, 2).hex())
                buffer = io.BytesIO()
                pickle._Pickler(buffer, 2).dump(value)
                print(buffer.getvalue().hex())
            """
        let pickles = try Python.run(script, Self.values.map(\.literal))
        #expect(pickles.count == Self.values.count * 2)
        for (position, hex) in pickles.enumerated() {
            #expect(try readAll([UInt8](hex: hex)) == [Self.values[position / 2]])
        }
    }
}

extension PickleValue {
    /// The value in Python's notation, complete.
    fileprivate var literal: String {
        switch self {
        case .bytes(let bytes): "bytes.fromhex('\(bytes.hex)')"
        case .list(let items): "[\(items.map(\.literal).joined(separator: ","))]"
        case .tuple(let items): "(\(items.map { $0.literal + "," }.joined()))"
        case .dictionary(let pairs): "{\(pairs.map { "\($0.key.literal):\($0.value.literal)" }.joined(separator: ","))}"
        default: description
        }
    }
}
