//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen
internal import MitogenProtocol

/// Returns its argument.
public struct Echo<Value: Codable & Sendable>: RemoteFunction {
    public var value: Value

    public init(_ value: Value) {
        self.value = value
    }

    public func run(in context: ExternalContext) async throws -> Value {
        value
    }
}

/// One property of every kind that travels.
public struct Everything: Codable, Sendable, Equatable {
    public enum Shape: Codable, Sendable, Equatable {
        case point
        case circle(radius: Double)
        case polygon([Int], name: String)
    }

    public struct Inner: Codable, Sendable, Equatable {
        public var text: String
        public var number: Int?

        public init(text: String, number: Int?) {
            self.text = text
            self.number = number
        }
    }

    public var truth = true
    public var tiny: Int8 = .min
    public var short: Int16 = .max
    public var medium: Int32 = .min
    public var long: Int64 = .min
    public var whole = Int.max
    public var byte: UInt8 = .max
    public var word: UInt16 = .max
    public var wide: UInt32 = .max
    public var huge: UInt64 = .max
    public var single: Float = 0.1
    public var double = -1.5e300
    public var infinite = Double.infinity
    public var text = "plain, \u{0} NUL, ümläut, 漢字, 👩‍👩‍👧, \r\n"
    public var empty = ""
    public var nothing: Int?
    public var something: Int? = 7
    public var list = [3, 1, 2]
    public var emptyList: [String] = []
    public var nested = [["a"], [], ["b", "c"]]
    public var dictionary = ["one": 1, "two": 2]
    public var numbered = [1: "one", -2: "minus two"]
    public var set: Set<String> = ["x", "y"]
    public var bytes: [UInt8] = Array(0...255)
    public var inner = [Inner(text: "a", number: nil), Inner(text: "b", number: 1)]
    public var shapes: [Shape] = [.point, .circle(radius: 2.5), .polygon([1, 2], name: "x")]

    public init() {}
}

/// Makes so many bytes.
public struct MakeBytes: RemoteFunction {
    public var count: Int

    public init(_ count: Int) {
        self.count = count
    }

    public func run(in context: ExternalContext) async throws -> [UInt8] {
        [UInt8](repeating: 0x5A, count: count)
    }
}

/// Counts bytes.
public struct CountBytes: RemoteFunction {
    public var bytes: [UInt8]

    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    public func run(in context: ExternalContext) async throws -> Int { bytes.count }
}

/// Has no result.
public struct DoNothing: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws {}
}

/// A type inside another.
public enum Outer {
    public struct Nested: RemoteFunction {
        public init() {}

        public func run(in context: ExternalContext) async throws -> String {
            "nested"
        }
    }
}

/// A value that can be sent but not read.
public struct Unreadable: Codable, Sendable {
    public struct Refusal: Error {}

    public init() {}

    public init(from decoder: any Decoder) throws {
        throw Refusal()
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode("unreadable")
    }
}

/// A value that cannot be sent.
public struct Unwritable: Codable, Sendable {
    public struct Refusal: Error {}

    public init() {}

    public init(from decoder: any Decoder) throws {}

    public func encode(to encoder: any Encoder) throws {
        throw Refusal()
    }
}

public struct MakeUnreadable: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws -> Unreadable {
        Unreadable()
    }
}

public struct MakeUnwritable: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws -> Unwritable {
        Unwritable()
    }
}
