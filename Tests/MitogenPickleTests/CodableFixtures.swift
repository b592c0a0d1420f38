//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenPickle

struct Point: Codable, Hashable, Sendable {
    var x: Int
    var y: Double
}

struct Nested: Codable, Hashable, Sendable {
    var name: String
    var points: [Point]
    var inner: [String: [Point]]
    var optional: Point?
    var missing: String?
}

enum Command: Codable, Hashable, Sendable {
    case stop
    case run(path: String, count: Int)
    case send([UInt8], Point?)
    indirect case both(Command, Command)
}

enum Level: String, Codable, Hashable, CodingKeyRepresentable {
    case low
    case five = "5"
}

enum Number: Int, Codable, Hashable, CodingKeyRepresentable {
    case one = 1
    case two
}

struct Generic<Value: Codable & Hashable & Sendable>: Codable, Hashable, Sendable {
    var value: Value
    var list: [Value?]
}

struct Numbers: Codable, Hashable, Sendable {
    var a: Int8 = .min
    var b: UInt8 = .max
    var c: Int16 = .min
    var d: UInt16 = .max
    var e: Int32 = .min
    var f: UInt32 = .max
    var g: Int64 = .min
    var h: UInt64 = .max
    var i: Int = .min
    var j: UInt = .max
    var k: Int128 = .min
    var l: UInt128 = .max
    var m: Float = 0.1
    var n: Double = -0.1
}

struct Payload: Codable, Hashable, Sendable {
    var data: [UInt8]
    var list: [[UInt8]]
    var byName: [String: [UInt8]]
    var optional: [UInt8]?
    var none: [UInt8]?
}

struct IntegerKeys: Codable, Hashable, Sendable {
    enum CodingKeys: Int, CodingKey {
        case first = 1
        case second
    }

    var first: String
    var second: Int
}

class Base: Codable, Equatable {
    var base: Int

    init(base: Int) {
        self.base = base
    }

    static func == (lhs: Base, rhs: Base) -> Bool { lhs.base == rhs.base }
}

final class Derived: Base {
    var own: [String]

    private enum CodingKeys: CodingKey {
        case own, after
    }

    init(base: Int, own: [String]) {
        self.own = own
        super.init(base: base)
    }

    required init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.own = try container.decode([String].self, forKey: .own)
        try super.init(from: container.superDecoder())
    }

    override func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        // The order matters: the superclass writes after this container went on.
        let superEncoder = container.superEncoder()
        try container.encode(own, forKey: .own)
        try super.encode(to: superEncoder)
        try container.encode(1, forKey: .after)
    }

    static func == (lhs: Derived, rhs: Derived) -> Bool { lhs.base == rhs.base && lhs.own == rhs.own }
}

/// A type that fills two nested containers in turn.
struct Interleaved: Encodable {
    enum CodingKeys: CodingKey {
        case even, odd, deep
    }

    var count: Int

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        var even = container.nestedUnkeyedContainer(forKey: .even)
        var odd = container.nestedUnkeyedContainer(forKey: .odd)
        var deep = container.nestedContainer(keyedBy: CodingKeys.self, forKey: .deep)
        for number in 0..<count {
            if number.isMultiple(of: 2) {
                try even.encode(number)
            } else {
                try odd.encode([UInt8(truncatingIfNeeded: number)])
            }
        }
        try deep.encode("x", forKey: .even)
        var deeper = deep.nestedUnkeyedContainer(forKey: .odd)
        try deeper.encodeNil()
        try even.encode(-1)
    }
}

/// A reference as a higher layer would define it.
struct Reference: PickleValueConvertible, Hashable, Sendable {
    var id: UInt32

    init(id: UInt32) {
        self.id = id
    }

    init(pickleValue: PickleValue) throws(PickleError) {
        guard case .context(let id, _) = pickleValue else {
            throw PickleError(.typeMismatch, "expected Context")
        }
        self.id = id
    }

    var pickleValue: PickleValue { .context(id: id, name: nil) }
}

struct Special: Codable, Hashable, Sendable {
    var any: PickleValue
    var blob: Blob
    var reference: Reference
    var optional: Reference?
    var list: [Reference?]
    var byName: [String: Reference]
}
