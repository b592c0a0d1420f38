//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import MitogenPickle
import Testing

/// The byte-exact messages that Python Mitogen produced.
struct WireVector: Sendable, Decodable, CustomTestStringConvertible {
    enum Expectation: String, Sendable, Decodable {
        case ok, reject, disconnect
    }

    let name: String
    let hex: String
    let kind: String
    let expect: Expectation
    let decodeOnly: Bool?
    let pythonError: String?
    /// The value as Python writes it.
    let repr: String

    enum CodingKeys: String, CodingKey {
        case name, hex, kind, expect
        case repr = "python_repr"
        case decodeOnly = "decode_only"
        case pythonError = "python_error"
    }

    var testDescription: String { name }

    /// What follows the header of 26 bytes.
    var payload: [UInt8] { Array([UInt8](hex: hex).dropFirst(26)) }

    /// Whether the header says that the payload is a pickle.
    var isPickle: Bool {
        kind == "frame" && (hex.hasPrefix("4d4a") || hex.hasPrefix("4d49")) && payload.first == 0x80
    }

    static let all: [WireVector] = {
        struct File: Decodable {
            let vectors: [WireVector]
        }
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let file = folder.deletingLastPathComponent().appendingPathComponent("Vectors/wire-vectors.json")
        guard let data = try? Data(contentsOf: file), let content = try? JSONDecoder().decode(File.self, from: data)
        else {
            return []
        }
        return content.vectors
    }()

    static let decodable = all.filter { $0.isPickle && $0.expect == .ok }
    static let canonical = decodable.filter { $0.decodeOnly != true }
    static let rejected = all.filter { $0.expect == .reject }
}

extension [UInt8] {
    init(hex: String) {
        let digits = hex.compactMap(\.hexDigitValue)
        self = stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] * 16 + digits[$0 + 1]) }
    }

    var hex: String {
        map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

/// All values of a message.
func readAll(_ bytes: [UInt8], limits: PickleLimits = .default) throws(PickleError) -> [PickleValue] {
    var reader = PickleReader(bytes, limits: limits)
    var values: [PickleValue] = []
    while let value = try reader.next() {
        values.append(value)
    }
    return values
}

/// The error that reading a message ends with.
func readError(_ bytes: [UInt8], limits: PickleLimits = .default) -> PickleError? {
    do throws(PickleError) {
        _ = try readAll(bytes, limits: limits)
        return nil
    } catch {
        return error
    }
}

/// The error that a function throws.
func thrown<T>(_ body: () throws(PickleError) -> T) -> PickleError? {
    do throws(PickleError) {
        _ = try body()
        return nil
    } catch {
        return error
    }
}
