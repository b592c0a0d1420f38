//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import MitogenPickle

/// The metadata of log records on their way: text, lists and dictionaries of it, bounded in size.
package enum LogMetadata {
    /// How many bytes of text the metadata of one record has at most.
    package static let byteLimit = 4096
    private static let entryLimit = 64
    private static let depthLimit = 4

    /// The same metadata, in the order of its keys, without what goes beyond the limits. What is missing is marked
    /// with `…`.
    package static func bounded(_ metadata: PickleDictionary) -> PickleDictionary {
        var budget = Budget()
        guard case .dictionary(let bounded) = budget.cut(.dictionary(metadata), depth: 0) else { return [:] }
        return bounded
    }

    /// `key=value` for each entry, joined by spaces, for those who only take text; empty if there is none.
    package static func text(_ metadata: PickleDictionary) -> String {
        sorted(metadata).map { "\($0.key)=\(text($0.value))" }.joined(separator: " ")
    }

    private static func text(_ value: PickleValue) -> String {
        switch value {
        case .string(let text): text
        case .list(let items): "[" + items.map(text).joined(separator: ", ") + "]"
        case .dictionary(let items):
            "[" + sorted(items).map { "\($0.key): \(text($0.value))" }.joined(separator: ", ") + "]"
        default: "\(value)"
        }
    }

    /// The entries whose keys are text, by their keys.
    private static func sorted(_ metadata: PickleDictionary) -> [(key: String, value: PickleValue)] {
        metadata.compactMap { key, value -> (key: String, value: PickleValue)? in
            guard case .string(let key) = key else { return nil }
            return (key, value)
        }.sorted { $0.key < $1.key }
    }

    /// What may still be taken.
    private struct Budget {
        private var bytes = byteLimit
        private var entries = entryLimit

        /// The value as far as there is room; nil if there is none.
        mutating func cut(_ value: PickleValue, depth: Int) -> PickleValue? {
            guard depth <= depthLimit else { return take("…").map { .string($0) } }
            switch value {
            case .string(let text): return take(text).map { .string($0) }
            case .list(let items): return .list(cut(items, depth: depth))
            case .dictionary(let items): return .dictionary(cut(items, depth: depth))
            default: return take("\(value)").map { .string($0) }
            }
        }

        private mutating func cut(_ items: [PickleValue], depth: Int) -> [PickleValue] {
            var result: [PickleValue] = []
            for item in items {
                guard enter(), let item = cut(item, depth: depth + 1) else {
                    return result + [.string("…")]
                }
                result.append(item)
            }
            return result
        }

        private mutating func cut(_ items: PickleDictionary, depth: Int) -> PickleDictionary {
            var result: PickleDictionary = [:]
            for (key, value) in sorted(items) {
                guard enter(), let key = take(key), let value = cut(value, depth: depth + 1) else {
                    result.updateValue(.string("…"), forKey: .string("…"))
                    return result
                }
                result.updateValue(value, forKey: .string(key))
            }
            return result
        }

        private mutating func enter() -> Bool {
            entries -= 1
            return entries >= 0
        }

        /// As much of the text as there is room for; nil if there was none left before.
        private mutating func take(_ text: String) -> String? {
            guard bytes > 0 else { return nil }
            defer { bytes -= text.utf8.count }
            return ForwardedLog.cut(text, to: bytes)
        }
    }
}
