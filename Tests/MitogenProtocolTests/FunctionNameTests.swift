//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import MitogenProtocol
import Testing

/// Types whose names the compiler shortens in every way it knows.
enum Outer {
    struct OuterInner {
        enum Deep { final class OuterInnerDeep {} }
    }
    enum Outer { struct OuterOuter<Item> {} }
    actor Worker {}
    struct GetHTTPServerName { struct ServerHTTPName { struct NameOfServer {} } }
    struct V {}
    struct `class` {}
    struct Snake_case_2 { struct case_Snake {} }
}

struct Pair<First, Second> {
    struct Inner {}
    struct Generic<Third> {}
}

struct Many<A, B, C, D, E, F> {}

extension Outer.OuterInner { struct InExtension {} }

struct Ünïcode { struct Übung {} }

protocol Marker {}

@Suite
struct FunctionNameTests {
    private typealias Inner = Outer.OuterInner
    private typealias Six = Many<Inner, Pair<Inner, Int>, Inner, Pair<Inner, Int>, [Inner], [Inner]>

    private static let accepted: [Any.Type] = [
        Outer.self, Outer.OuterInner.self, Outer.OuterInner.Deep.OuterInnerDeep.self, Outer.Worker.self,
        Outer.Outer.OuterOuter<Int>.self, Outer.Outer.OuterOuter<Outer.Outer>.self, Outer.V.self, Outer.class.self,
        Outer.GetHTTPServerName.ServerHTTPName.NameOfServer.self, Outer.Snake_case_2.case_Snake.self,
        Outer.OuterInner.InExtension.self, Ünïcode.Übung.self, FunctionNameTests.self,
        Pair<Int, Int>.self, Pair<String, [Int]>.self, Pair<Inner, Inner>.self, Pair<[Inner], [Inner]>.self,
        Pair<Inner?, Inner?>.self, Pair<Int, String>.Inner.self, Pair<Int, Int>.Generic<Int>.self,
        Pair<Pair<Inner, Int>, Pair<Inner, Int>>.Generic<Pair<Inner, Int>>.self,
        Pair<String, String>.self, Pair<Double, [String: [Int?]]>.self,
        Six.self, Many<Six, Inner, Six, Outer.V, Outer.Worker, Six>.self, Many<Int, Int, Int, String, String, Int>.self,
        Inner?.self, Inner??.self, [Inner].self, [[[Inner]]].self, [String: Inner].self, [Int: [String: Inner?]]?.self,
        Set<String>.self, Int.self, UInt8.self, Bool.self, Character.self, Substring.self, Range<Int>.self,
        ClosedRange<String>.self, ArraySlice<Inner>.self, Duration.self, String.UTF8View.self,
        KeyValuePairs<String, Inner>.self, UnsafeRawPointer.self,
    ]

    @Test("Names of real types are accepted, and mean the same type again")
    func real() throws {
        for type in Self.accepted {
            let name = try #require(_mangledTypeName(type))
            #expect(FunctionName.isValid(name), "\(name) \(type)")
            let found = _typeByName(name)
            #expect(found.map { $0 == type } == true, "\(name) \(type)")
        }
    }

    @Test("Functions, tuples, existentials and other types without a name of their own are refused")
    func unnamed() throws {
        let types: [Any.Type] = [
            (() -> Void).self, (Int, Int).self, Void.self, (any Marker).self, Any.self, AnyObject.self,
            Outer.OuterInner.Type.self, Pair<Int, (Int) -> Int>.self, [(Int, Int)].self, Pair<Int, any Marker>.self,
            Result<Int, any Error>.self,
        ]
        for type in types {
            let name = try #require(_mangledTypeName(type))
            #expect(!FunctionName.isValid(name), "\(name) \(type)")
        }
    }

    @Test(
        "Strings that are no type names are refused",
        arguments: [
            "", "$", "Si_SS$tD", "Si_SSt", "S", "s", "A", "AA", "V", "y", "_", "G", "Sg", "ySi", "SiG", "SayG", "Say_G",
            "Say", "SaySi", "SayySiGG", "SiSi", "S2i", "S0i", "S1i", "S99999999999999999999i", "A9999A", "A_", "A0_",
            "4Shop", "4Shop3Buy", "4Shop3BuyVV", "4Shop3BuyX", "4Shop3BuyVyAZG", "4Shop3BuyVyA_G", "4Shop0Z3BuyV",
            "04ShopV", "4Shop99BuyV", "4Shop3BuyV3", "4Shop3BuyV ", " 4Shop3BuyV", "4Shop3B-yV", "4Shop3BuyV\n",
            "4Shop000V", "4Shop00V", "4Shop3BuyVySiGySiG", "$s4Shop3BuyV", "_T04Shop3BuyV", "So8NSObjectC", "Bi32_",
            "4Shop3BuyVm", "4Shop3BuyV_p", "yyc", "x", "4Shop3BuyVé", "s5Error_p", "SiSgSg4Shop", "4ShopSiV", "Si3BuyP",
            "99999999999999999999999999Buy", "4Shop0A", "4Shop0aV",
        ]
    )
    func garbage(name: String) {
        #expect(!FunctionName.isValid(name))
    }

    @Test("Symbolic references and other control characters are refused", arguments: UInt8(0)...31)
    func symbolicReferences(byte: UInt8) {
        let control = String(Unicode.Scalar(byte))
        for name in [control, control + "abcd", "\(control)\u{1}\u{2}\u{3}\u{4}", "Say\(control)abcdG"] {
            #expect(!FunctionName.isValid(name))
        }
    }

    @Test("Length and depth are bounded")
    func bounds() {
        func name(depth: Int) -> String {
            String(repeating: "Say", count: depth) + "Si" + String(repeating: "G", count: depth)
        }
        #expect(FunctionName.isValid(name(depth: FunctionName.maximumDepth - 1)))
        #expect(!FunctionName.isValid(name(depth: FunctionName.maximumDepth)))
        #expect(!FunctionName.isValid(name(depth: 100_000)))
        #expect(!FunctionName.isValid("Si" + String(repeating: "Sg", count: FunctionName.maximumDepth)))
        #expect(!FunctionName.isValid("4Shop" + String(repeating: "1AV", count: FunctionName.maximumDepth + 1)))
        let long = String(repeating: "a", count: 128)
        #expect(FunctionName.isValid("4Shop128\(long)V"))
        #expect(!FunctionName.isValid("4Shop129\(long)aV"))
        #expect(FunctionName.isValid("4Shop1AVy" + String(repeating: "Si", count: 500) + "G"))
        #expect(!FunctionName.isValid("4Shop1AVy" + String(repeating: "Si", count: 510) + "G"))
    }

    @Test("A few references that stand for billions of types are refused")
    func explosion() {
        // Found by hand: the runtime takes seconds for it.
        var name = "s10ArraySliceVys13KeyValuePairsVys5UInt8Vs5Int64VG"
        for letter in "IJKLMNOPQRSTUVWXYZ" { name += "ADyA\(letter)A\(letter)G" }
        #expect(!FunctionName.isValid(name + "G"))
        #expect(!FunctionName.isValid("4Shop1AVySayS2000iGG"))
        #expect(!FunctionName.isValid("4Shop1AVyA1024B_G"))
    }

    @Test("No name that is accepted crashes the runtime, or keeps it busy", .timeLimit(.minutes(5)))
    func fuzz() throws {
        let fuzzer = try RuntimeDemangler()
        let seeds = Self.accepted.compactMap { _mangledTypeName($0) }
            .map { $0.replacing("20MitogenProtocolTests", with: "21mitogen_demangle_fuzz") }
        var generator = FunctionNameGenerator(random: RandomSource(seed: 1), seeds: seeds + fuzzer.seeds)
        var names: Set<String> = []
        for _ in 0..<250_000 {
            let name = generator.next()
            if FunctionName.isValid(name) { names.insert(name) }
        }
        #expect(names.count > 10_000)
        let result = try fuzzer.resolve(names.sorted())
        #expect(result.failure == nil)
        #expect(result.slow.isEmpty)
        // Else the names would not be worth much.
        #expect(result.resolved > 500)
    }
}
