//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Checks a type name from the wire before the runtime's demangler sees it, which strings can crash (measured with
/// `"$"` and `"Si_SS$tD"`) or keep busy without end (a few references to earlier types can mean billions of types).
///
/// Accepted is the subset of Swift's mangling that the names of remote functions need: modules and nominal types as
/// length-prefixed identifiers with their kind, generic arguments, optionals, the standard library's abbreviations, and
/// the ways in which the compiler shortens repetitions (`0A5Inner`: words; `AA`, `A2E`, `S2i`: what was named before).
/// Length, nesting, and the size of the type with all references written out are bounded. Functions, tuples,
/// existentials, packs, extensions of other modules' types and symbolic references are not accepted.
package enum FunctionName {
    /// The longest accepted name, in bytes.
    package static let maximumLength = 1024
    /// How deep types may be nested, and stand in generic arguments.
    package static let maximumDepth = 32
    /// How many types a name may mention, with everything that references stand for.
    package static let maximumSize = 1024

    /// Whether `name` is a mangled type name of the accepted form.
    package static func isValid(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        guard !bytes.isEmpty, bytes.count <= maximumLength else { return false }
        var checker = FunctionNameChecker(bytes: bytes)
        return checker.isType()
    }
}

/// Reads a mangled name as the runtime's demangler does: every operator takes what it needs from a stack and puts its
/// result there. Only what the demangler would remember of a node for later operators is kept.
struct FunctionNameChecker {
    /// How large a type is.
    struct Extent {
        var size = 1
        var depth = 1

        var isAccepted: Bool { size <= FunctionName.maximumSize && depth <= FunctionName.maximumDepth }
    }

    enum Node {
        case module
        /// A module or the name of a type, which is only known when it is used.
        case identifier
        /// A type as it is declared, in which others can be nested, and which can get arguments.
        case nominal(Extent)
        /// A type with arguments.
        case bound(Extent)
        case emptyList
        case separator

        var extent: Extent? {
            switch self {
            case .nominal(let extent), .bound(let extent): extent
            default: nil
            }
        }
    }

    let bytes: [UInt8]
    var position = 0
    var stack: [Node] = []
    /// What references can name: identifiers and types in the order of their appearance.
    var substitutions: [Node] = []
    /// How many words the identifiers so far have.
    var wordCount = 0

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    /// Whether the whole name is one type.
    mutating func isType() -> Bool {
        while position < bytes.count {
            guard step(), stack.count <= FunctionName.maximumSize else { return false }
        }
        return stack.count == 1 && stack[0].extent != nil
    }

    private mutating func step() -> Bool {
        guard let byte = current else { return false }
        if byte.isDigit { return identifier() }
        position += 1
        switch byte {
        case UInt8(ascii: "A"): return reference()
        case UInt8(ascii: "S"): return abbreviation()
        case UInt8(ascii: "V"), UInt8(ascii: "C"), UInt8(ascii: "O"): return nominal()
        case UInt8(ascii: "G"): return boundGeneric()
        case UInt8(ascii: "s"): stack.append(.module)
        case UInt8(ascii: "y"): stack.append(.emptyList)
        case UInt8(ascii: "_"): stack.append(.separator)
        default: return false
        }
        return true
    }

    private mutating func push(_ extent: Extent, _ node: (Extent) -> Node) -> Bool {
        guard extent.isAccepted else { return false }
        stack.append(node(extent))
        substitutions.append(node(extent))
        return true
    }

    /// A context and a name become a type.
    private mutating func nominal() -> Bool {
        guard case .identifier? = stack.popLast() else { return false }
        switch stack.popLast() {
        case .module, .identifier: return push(Extent(), Node.nominal)
        case .nominal(let outer):
            return push(Extent(size: outer.size + 1, depth: outer.depth + 1), Node.nominal)
        default: return false
        }
    }

    /// Lists of arguments, one for each level of nesting, of the type before them.
    private mutating func boundGeneric() -> Bool {
        var result = Extent(size: 0, depth: 0)
        lists: while true {
            switch stack.popLast() {
            case .nominal(let argument), .bound(let argument):
                result.size += argument.size
                result.depth = max(result.depth, argument.depth + 1)
            case .separator: continue
            case .emptyList: break lists
            default: return false
            }
        }
        guard result.size > 0, case .nominal(let type)? = stack.popLast() else { return false }
        result.size += type.size
        result.depth = max(result.depth, type.depth)
        return push(result, Node.bound)
    }

    /// After `S`: a type of the standard library, perhaps several times, or `g`, which makes a type optional.
    private mutating func abbreviation() -> Bool {
        if current == UInt8(ascii: "g") {
            position += 1
            guard let wrapped = stack.popLast()?.extent else { return false }
            return push(Extent(size: wrapped.size + 1, depth: wrapped.depth + 1), Node.bound)
        }
        guard let count = repetitions(), let letter = current, "AaDINnPpRrhqbdfiJOSsuVvWw".utf8.contains(letter) else {
            return false
        }
        position += 1
        stack.append(contentsOf: repeatElement(.nominal(Extent()), count: count))
        return true
    }

    /// After `A`: earlier identifiers and types. All but the last have lower case letters; a number in front of a letter
    /// repeats it, and one in front of `_` counts from the 27th.
    private mutating func reference() -> Bool {
        while true {
            let start = position
            let number = natural()
            guard position == start || number != nil, let byte = current else { return false }
            position += 1
            if byte == UInt8(ascii: "_") { return substitute(number.map { $0 + 27 } ?? 26, count: 1) }
            guard number.map({ $0 >= 2 }) ?? true else { return false }
            guard byte.isLetter else { return false }
            let first = byte.isLower ? UInt8(ascii: "a") : UInt8(ascii: "A")
            guard substitute(Int(byte - first), count: number ?? 1) else { return false }
            if byte.isUpper { return true }
        }
    }

    private mutating func substitute(_ index: Int, count: Int) -> Bool {
        guard index < substitutions.count else { return false }
        stack.append(contentsOf: repeatElement(substitutions[index], count: count))
        return stack.count <= FunctionName.maximumSize
    }

    /// How often the next letter counts; nil for a number that no compiler writes.
    private mutating func repetitions() -> Int? {
        let start = position
        let number = natural()
        if position == start { return 1 }
        return number.flatMap { $0 >= 2 ? $0 : nil }
    }
}
