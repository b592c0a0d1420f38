//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Makes names that look like mangled types: from the grammar, and by changing real ones.
struct FunctionNameGenerator {
    var random: RandomSource
    /// Mangled names of real types.
    let seeds: [String]

    private static let module = "21mitogen_demangle_fuzz"
    private static let abbreviations = [
        "Si", "SS", "Sb", "Sd", "Sf", "Su", "SJ", "Ss", "SO", "SV", "S2i", "S3S", "s5Int64V", "s5UInt8V", "s5NeverO",
    ]
    private static let generics = [
        "Sa", "SD", "Sh", "Sq", "SN", "Sn", "SP", "SR", "s10ArraySliceV", "s13KeyValuePairsV", "s6ResultO",
        "s11InlineArrayV", "s4SpanV", "s17_NativeDictionaryV", "s8UnmanagedV",
    ]
    private static let types = [
        "5PlainV", "5PlainV5InnerV", "5PlainV9ReferenceC", "5NamesO", "5NamesO0A5NamesO", "5NamesO05PlainE0V", "4PairV",
        "4PairV5InnerV", "4PairV7GenericV", "5KeyedV", "5ItemsV", "4BaseC", "4BaseC5InnerC", "7DerivedC", "6WorkerC",
        "4PackV", "4PackV5InnerV", "7CountedV", "6TicketV", "6HolderV", "6ClassyV", "4HeirV", "6ShapedV", "5ShapeV",
        "4PairVAAE11ConstrainedV", "4PairV5NamesO", "008ncode_AnV",
    ]
    private static let plain = [
        "5PlainV", "5PlainV5InnerV", "5PlainV9ReferenceC", "5NamesO", "7DerivedC", "6WorkerC", "6TicketV",
    ]
    /// Generic types with one letter for each argument, as in the name.
    private static let complete = [
        ("Sa", "i"), ("SD", "ii"), ("Sh", "i"), ("SR", "i"), ("s13KeyValuePairsV", "ii"), ("s11InlineArrayV", "ii"),
        ("s10ArraySliceV", "i"), ("s8UnmanagedV", "i"), ("4PairV", "ii"), ("4PairV5InnerV", "ii_"),
        ("4PairV7GenericV", "ii_i"), ("4PairV5NamesO", "ii_"), ("5KeyedV", "ii"), ("5ItemsV", "ii"), ("4BaseC", "i"),
        ("4BaseC5InnerC", "i_"), ("4PackV", "i"), ("4PackV5InnerV", "i_i"), ("7CountedV", "ii"), ("6HolderV", "i"),
        ("6ClassyV", "i"), ("4HeirV", "i"), ("6ShapedV", "i"), ("5NamesO05PlainA0V", "_i"),
    ]
    private static let alphabet = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$-. yG".utf8)
    private static let pieces = [
        "A", "AA", "AB", "A2B", "AbC", "A_", "A0_", "S", "Sg", "S2i", "y", "_", "G", "V", "O", "C", "s", "p", "t", "m",
        "E", "0A0", "0A3Foo", "0a3FooB0", "003aab", "ySiG", "y__SiG", "Qp", "QPG", "x", "z", "Xc", "D", "n", "P", "_p",
        "yyc", "$", "So", "SC", "ScA", "B", "Bi32_", "L", "LL", "Tm", "W", "WP", "99999999999999999999", "0", "00",
    ]

    mutating func next() -> String {
        switch random.below(10) {
        case 0...1: return type(depth: 0)
        case 2...3: return complete(depth: 0)
        case 4: return changed(type(depth: 0))
        case 5...6: return changed(complete(depth: 0))
        case 7...8: return changed(seeds.any(&random))
        default: return noise()
        }
    }

    /// A type from the grammar; references are guesses.
    private mutating func type(depth: Int) -> String {
        var text: String
        switch random.below(8) {
        case 0: text = Self.abbreviations.any(&random)
        case 1: text = Self.generics.any(&random)
        case 2 where depth > 0: text = reference()
        case 3 where depth > 0: text = "AA" + Self.types.any(&random)
        default: text = Self.module + Self.types.any(&random)
        }
        if depth < 4, !random.once(in: 3) {
            text += "y"
            for _ in 0...random.below(3) {
                text += random.once(in: 6) ? "_" : type(depth: depth + 1)
            }
            text += "G"
        }
        while random.once(in: 5) { text += "Sg" }
        return text
    }

    private mutating func reference() -> String {
        func letter(_ first: UInt8, _ random: inout RandomSource) -> String {
            String(Unicode.Scalar(first + UInt8(random.below(random.once(in: 8) ? 26 : 6))))
        }
        switch random.below(6) {
        case 0: return "A2" + letter(65, &random)
        case 1: return "A" + letter(97, &random) + letter(65, &random)
        case 2: return "A" + ["_", "0_", "1_", "3_"].any(&random)
        default: return "A" + letter(65, &random)
        }
    }

    private mutating func changed(_ name: String) -> String {
        var bytes = Array(name.utf8)
        for _ in 0...random.below(4) {
            let at = random.below(bytes.count + 1)
            switch random.below(6) {
            case 0 where at < bytes.count: bytes.remove(at: at)
            case 1 where at < bytes.count: bytes[at] = Self.alphabet.any(&random)
            case 2: bytes.insert(Self.alphabet.any(&random), at: at)
            case 3: bytes.insert(contentsOf: Self.pieces.any(&random).utf8, at: at)
            case 4:  // A part of it again, somewhere else.
                let end = min(bytes.count, at + random.below(20))
                bytes.insert(contentsOf: Array(bytes[at..<end]), at: random.below(bytes.count + 1))
            default:
                let end = min(bytes.count, at + random.below(6))
                bytes.removeSubrange(at..<end)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A type whose generic types have as many arguments as they need, though perhaps not ones that they accept.
    private mutating func complete(depth: Int) -> String {
        guard depth < 4, !random.once(in: 3) else {
            return random.once(in: 2) ? Self.abbreviations.any(&random) : Self.module + Self.plain.any(&random)
        }
        let (name, arguments) = Self.complete.any(&random)
        var text = name.first?.isNumber == true ? Self.module + name : name
        text += "y"
        for character in arguments { text += character == "_" ? "_" : complete(depth: depth + 1) }
        text += "G"
        return random.once(in: 4) ? text + "Sg" : text
    }

    private mutating func noise() -> String {
        var text = ""
        for _ in 0...random.below(12) { text += Self.pieces.any(&random) }
        return text
    }
}
