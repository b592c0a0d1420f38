//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Distributed
internal import Mitogen
internal import MitogenProtocol

/// The method that a call is for, checked: the name comes from outside.
///
/// The runtime finds a method by its mangled name alone, reads that name with its demangler, which strings can crash, and
/// does not look whose method it is: it would run it on any actor's memory. So a name is only accepted if the program has a
/// method with exactly this name (then the compiler has made it), and if it says that the method is the actor's own.
struct ActorTarget: Sendable {
    /// The longest accepted name, in bytes.
    private static let maximumLength = 4096

    /// The whole mangled name.
    let identifier: String
    private let type: any DistributedActor.Type
    private let method: String

    /// What to call it in messages for people.
    var name: String { "\(String(reflecting: type)).\(method)" }

    /// - Throws: ``MitogenError`` with `.unknownFunction`; `.misuse` if actors of this type cannot be called at all.
    init(_ identifier: String, of type: any DistributedActor.Type) throws(MitogenError) {
        let prefix = Array("$s\(try Self.mangledName(of: type))".utf8)
        let bytes = Array(identifier.utf8)
        guard bytes.count <= Self.maximumLength, bytes.starts(with: prefix),
            let method = Self.method(in: bytes[prefix.count...]), Self.isKnown(identifier)
        else {
            throw MitogenError(.unknownFunction, "\(String(reflecting: type)) has no such method")
        }
        self.identifier = identifier
        self.type = type
        self.method = method
    }

    /// The name that the names of a type's methods begin with.
    ///
    /// - Throws: ``MitogenError`` with `.misuse` for a generic type: what it is generic over would have to come from the
    ///   caller, and nobody could tell whether that is true; and for a private or local one, which the runtime names in
    ///   another way than the compiler.
    @discardableResult
    static func mangledName(of type: any DistributedActor.Type) throws(MitogenError) -> String {
        guard let name = _mangledTypeName(type), name.hasSuffix("C"), FunctionName.isValid(name) else {
            throw MitogenError(
                .misuse,
                "\(String(reflecting: type)) cannot be called from elsewhere: it is generic, private, or inside something "
                    + "that is, or inside a function",
                hint: "make it internal or public; instead of a generic actor make its methods generic"
            )
        }
        return name
    }

    /// Whether the program has a method with this name. This only compares names.
    private static func isKnown(_ identifier: String) -> Bool {
        var identifier = identifier
        return identifier.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { swift_findAccessibleFunction($0.baseAddress, $0.count) != nil }
        }
    }

    // MARK: The form

    /// The name of a method, of a mangled name after its actor's; nil if it is not the actor's, but that of a type inside
    /// the actor, of an extension of it, or inside one of its methods.
    private static func method(in rest: ArraySlice<UInt8>) -> String? {
        var scanner = MangledNameScanner(rest)
        guard var name = scanner.identifier() else { return nil }
        // An extension in another module: that was its name.
        if scanner.take("E") {
            guard let next = scanner.identifier() else { return nil }
            name = next
        }
        // A private declaration: the name is followed by that of its file.
        var ahead = scanner
        if ahead.identifier() != nil, ahead.take("L"), ahead.take("L") { scanner = ahead }
        // The kind of a type, or an extension. What follows a method's name is labels and types: none begins like this.
        guard let next = scanner.rest.first, !"CVOPEa".utf8.contains(next) else { return nil }
        return namesLocalType(rest) ? nil : name
    }

    /// Whether there is a type that is declared inside a function: its name, `L`, perhaps a number, `_`, its kind.
    private static func namesLocalType(_ rest: ArraySlice<UInt8>) -> Bool {
        rest.indices.contains { start in
            var scanner = MangledNameScanner(rest[start...])
            guard scanner.identifier() != nil, scanner.take("L") else { return false }
            scanner.skipDigits()
            guard scanner.take("_"), let kind = scanner.rest.first else { return false }
            return "CVOP".utf8.contains(kind)
        }
    }
}

/// Reads the parts of a mangled name that are identifiers.
private struct MangledNameScanner {
    private(set) var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) {
        rest = bytes
    }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest.removeFirst()
        return true
    }

    mutating func skipDigits() {
        rest = rest.drop { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    /// An identifier, or the reference to one that came before. Returns its text if that stands there as it is, else
    /// what stands there; nil if it is something else.
    mutating func identifier() -> String? {
        let start = rest
        guard take("A") ? reference() : run() ?? (take("0") && shortened()) else { return nil }
        let text = start[..<rest.startIndex]
        let digits = text.prefix { $0 < UInt8(ascii: "A") }
        return String(decoding: digits.first == UInt8(ascii: "0") ? text : text[digits.endIndex...], as: UTF8.self)
    }

    /// After `A`: letters, of which the last one is in upper case, with numbers before them; or a number and `_`.
    private mutating func reference() -> Bool {
        while true {
            skipDigits()
            guard let byte = rest.popFirst() else { return false }
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"): continue
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): return true
            default: return false
            }
        }
    }

    /// A length and so many characters; nil if no length stands there.
    private mutating func run(isPunycode: Bool = false) -> Bool? {
        guard let first = rest.first, (UInt8(ascii: "1")...UInt8(ascii: "9")).contains(first) else { return nil }
        var count = 0
        while let byte = rest.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
            count = count * 10 + Int(byte - UInt8(ascii: "0"))
            guard count <= rest.count else { return false }
            rest.removeFirst()
        }
        if isPunycode { _ = take("_") }
        guard count <= rest.count else { return false }
        rest.removeFirst(count)
        return true
    }

    /// After `0`: letters for words that came before, and characters between and after them; after `00`, Punycode.
    private mutating func shortened() -> Bool {
        if take("0") { return run(isPunycode: true) ?? false }
        var takesWords = true
        repeat {
            while takesWords, let byte = rest.first, (byte | 0x20) >= UInt8(ascii: "a"),
                (byte | 0x20) <= UInt8(ascii: "z")
            {
                rest.removeFirst()
                takesWords = byte & 0x20 != 0
            }
            if take("0") { return true }
            guard run() == true else { return false }
        } while takesWords
        return true
    }
}
