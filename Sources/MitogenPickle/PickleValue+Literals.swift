//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension PickleValue: ExpressibleByNilLiteral {
    /// `nil` is Python's `None`.
    public init(nilLiteral: ()) {
        self = .none
    }
}

extension PickleValue: ExpressibleByBooleanLiteral {
    /// `true` and `false` are Python's `True` and `False`.
    public init(booleanLiteral value: Bool) {
        self = .bool(value)
    }
}

extension PickleValue: ExpressibleByIntegerLiteral {
    /// An integer literal is a Python `int`.
    public init(integerLiteral value: Int) {
        self = .int(value)
    }
}

extension PickleValue: ExpressibleByFloatLiteral {
    /// A floating-point literal is a Python `float`.
    public init(floatLiteral value: Double) {
        self = .float(value)
    }
}

extension PickleValue: ExpressibleByStringLiteral {
    /// A string literal is Python text.
    public init(stringLiteral value: String) {
        self = .string(value)
    }
}

extension PickleValue: ExpressibleByArrayLiteral {
    /// An array literal is a Python `list`.
    public init(arrayLiteral elements: PickleValue...) {
        self = .list(elements)
    }
}

extension PickleValue: ExpressibleByDictionaryLiteral {
    /// A dictionary literal is a Python `dict`; of equal keys the last one wins, as in Python.
    public init(dictionaryLiteral elements: (PickleValue, PickleValue)...) {
        self = .dictionary(PickleDictionary(elements.map { (key: $0.0, value: $0.1) }))
    }
}
