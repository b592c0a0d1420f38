//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

#if Tracing
    package import MitogenPickle

    /// What the program's instruments want carried along with a call, such as the trace that it belongs to: texts by
    /// name, as in the headers of other protocols.
    ///
    /// Both sides keep to the same bounds. What is beyond them is left out and fails no call.
    package struct TraceFields: Sendable, Hashable {
        /// More fields than this are not carried, nor longer names and values, nor more bytes of both together.
        package static let mostFields = 32
        package static let longestName = 128
        package static let longestValue = 8192
        package static let mostBytes = 16 << 10

        private var values: [String: String] = [:]
        private var byteCount = 0

        package init() {}

        /// What a received value says.
        package init(_ value: PickleValue?) {
            guard case .dictionary(let items) = value else { return }
            for (name, value) in items {
                guard case .string(let name) = name, case .string(let text) = value else { continue }
                set(text, for: name)
            }
        }

        package var isEmpty: Bool { values.isEmpty }

        package subscript(name: String) -> String? { values[name] }

        /// Sets a field, if it is within the bounds; says whether it is.
        @discardableResult
        package mutating func set(_ value: String, for name: String) -> Bool {
            guard Self.isName(name), Self.isValue(value) else { return false }
            let old = values[name].map { $0.utf8.count + name.utf8.count } ?? 0
            let new = byteCount - old + name.utf8.count + value.utf8.count
            guard new <= Self.mostBytes, old > 0 || values.count < Self.mostFields else { return false }
            byteCount = new
            values[name] = value
            return true
        }

        package var value: PickleValue {
            .dictionary(PickleDictionary(values.map { (.string($0.key), .string($0.value)) }))
        }

        private static func isName(_ name: String) -> Bool {
            1...longestName ~= name.utf8.count && name.utf8.allSatisfy { 0x21...0x7E ~= $0 }
        }

        /// Instruments put values into logs and headers: there are no control characters in them.
        private static func isValue(_ value: String) -> Bool {
            value.utf8.count <= longestValue && value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
        }
    }
#endif
