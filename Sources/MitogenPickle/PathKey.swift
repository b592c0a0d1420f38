//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// A step of a coding path that no type declares: a position of a list, or the superclass.
enum PathKey: CodingKey {
    case position(Int)
    case name(String)

    init(stringValue: String) {
        self = .name(stringValue)
    }

    init(intValue: Int) {
        self = .position(intValue)
    }

    var stringValue: String {
        switch self {
        case .position(let position): "Index \(position)"
        case .name(let name): name
        }
    }

    var intValue: Int? {
        if case .position(let position) = self { position } else { nil }
    }

    /// The key that `Codable` gives to what a superclass encodes.
    static var `super`: PathKey { .name("super") }
}

/// Whether a type is a dictionary whose keys are integers in Swift.
func hasIntegerDictionaryKeys(_ type: Any.Type) -> Bool {
    guard let type = type as? any DictionaryWithKeys.Type else {
        return false
    }
    return type.hasIntegerKeys
}

/// A dictionary of any type.
private protocol DictionaryWithKeys {
    static var hasIntegerKeys: Bool { get }
}

extension Dictionary: DictionaryWithKeys {
    fileprivate static var hasIntegerKeys: Bool {
        if Key.self == Int.self {
            return true
        }
        guard let key = Key.self as? any (RawRepresentable & CodingKeyRepresentable).Type else {
            return false
        }
        return isInteger(rawValueOf: key)
    }

    private static func isInteger<K: RawRepresentable>(rawValueOf key: K.Type) -> Bool {
        K.RawValue.self == Int.self
    }
}
