//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenPickle
import MitogenProtocol
import Testing

@Suite
struct CallRequestTests {
    private func request(_ vector: String) throws -> CallRequest {
        try CallRequest(decoding: WireVector.named(vector).message().data)
    }

    private func data(_ value: PickleValue) throws -> [UInt8] {
        var writer = PickleWriter()
        try writer.writeStream(value)
        return writer.bytes
    }

    @Test("Python's calls are read")
    func vectors() throws {
        let plain = try request("call_function_noargs")
        #expect(plain.chainID == nil)
        #expect(plain.module == "posix")
        #expect(plain.className == nil)
        #expect(plain.function == "getpid")
        #expect(plain.arguments.isEmpty)
        #expect(plain.keywordArguments.isEmpty)
        #expect(plain.registeredName == "posix.getpid")
        #expect(!plain.isTyped)

        let method = try request("call_function_args")
        #expect(method.registeredName == "mymod.MyClass.method")
        #expect(method.arguments == [1, "two", .bytes([3])])
        #expect(method.keywordArguments == ["key": [true, nil]])

        #expect(try request("call_function_pipelined_noreply").chainID == "host-1-2-3")
        #expect(try request("call_function_forget_chain").arguments == ["host-1-2-3"])
        #expect(try request("call_function_proxy_connect").keywordArguments["method_name"] == "local")
        #expect(try request("call_function_sender").arguments == [.sender(contextID: 0, handle: 1007), 2.0])
    }

    @Test("A call by name is written as Python writes it")
    func encodeNamed() throws {
        let vector = try WireVector.named("call_function_noargs").message()
        let data = try CallRequest.encode(
            named: "posix.getpid",
            arguments: [],
            keywordArguments: [:],
            options: .init(memoizes: true)
        )
        #expect(data == vector.data)
    }

    @Test("The last dot of a name separates")
    func names() throws {
        let data = try CallRequest.encode(
            named: "shop.orders.buy",
            arguments: [1, [2, nil]],
            keywordArguments: ["count": 3],
            options: .init()
        )
        let request = try CallRequest(decoding: data)
        #expect(request.module == "shop.orders")
        #expect(request.function == "buy")
        #expect(request.registeredName == "shop.orders.buy")
        #expect(request.arguments == [1, [2, nil]])
        #expect(request.keywordArguments == ["count": 3])
    }

    @Test("A name that is not of the form module.function is refused", arguments: ["", "buy", ".", ".buy", "shop."])
    func badNames(name: String) {
        let error = #expect(throws: PickleError.self) {
            try CallRequest.encode(named: name, arguments: [], keywordArguments: [:], options: .init())
        }
        #expect(error?.code == .unencodable)
    }

    struct Buy: Codable, Equatable {
        var item: String
        var count: Int?
        var tags: [String: [Int]]
    }

    @Test("A typed call brings its properties along")
    func typed() throws {
        let buy = Buy(item: "pear", count: nil, tags: ["a": [1]])
        let data = try CallRequest.encode(buy, named: "4Shop3BuyV", options: .init())
        let request = try CallRequest(decoding: data)
        #expect(request.isTyped)
        #expect(request.module == "swift")
        #expect(request.function == "4Shop3BuyV")
        #expect(request.arguments.count == 1)
        #expect(try properties(of: request).cast(to: Buy.self) == buy)
    }

    @Test("What a call says besides function and arguments is a seventh item, if there is anything")
    func options() throws {
        var options = CallOptions()
        #expect(options.isEmpty)
        options.isIndependent = true
        options.timeout = 1.25
        let buy = Buy(item: "pear", count: 1, tags: [:])
        let typed = try CallRequest.encode(
            buy,
            named: "4Shop3BuyV",
            chainID: "c",
            callOptions: options,
            options: .init()
        )
        let named = try CallRequest.encode(
            named: "shop.buy",
            arguments: [],
            keywordArguments: [:],
            chainID: "c",
            callOptions: options,
            options: .init()
        )
        for data in [typed, named] {
            let request = try CallRequest(decoding: data)
            #expect(request.chainID == "c")
            #expect(request.callOptions == options)
        }
        let none = try data(.tuple([.none, "m", .none, "f", .tuple([]), .keywordArguments([:]), ["later": [1]]]))
        #expect(try CallRequest(decoding: none).callOptions.isEmpty)
    }

    @Test(
        "The time of a call is a number of seconds that a clock can have",
        arguments: [
            (1.5, 1.5), (.int(2), 2), (.int(-2), 0), (-0.5, 0), (.float(.nan), nil), (.float(.infinity), nil),
            (.float(-.infinity), 0), (.int(.max), nil), (.int(.min), 0), ("1", nil), (.none, nil),
        ] as [(PickleValue, Double?)]
    )
    func timeout(value: PickleValue, seconds: Double?) throws {
        let options = PickleValue.dictionary(["timeout": value])
        let data = try data(.tuple([.none, "m", .none, "f", .tuple([]), .keywordArguments([:]), options]))
        #expect(try CallRequest(decoding: data).callOptions.timeout == seconds)
    }

    @Test("The chain is found without decoding the call", arguments: [PickleWriter.BytesStyle.python, .binary])
    func chainMark(style: PickleWriter.BytesStyle) throws {
        for chain in [nil, "", "swift-1-2", String(repeating: "ä漢", count: 1000)] {
            let data = try CallRequest.encode(
                Buy(item: "pear", tags: [:]),
                named: "4Shop3BuyV",
                chainID: chain,
                options: .init(bytesStyle: style)
            )
            #expect(try CallRequest(decoding: data).chainID == chain)
            #expect(CallRequest.chainMark(in: data) == chain.map { .chain($0) } ?? .none)
        }
    }

    @Test("Python's chains are found as well, and what is written otherwise is left to the reader")
    func foreignChainMark() throws {
        for (vector, mark) in [
            ("call_function_noargs", CallRequest.ChainMark.none),
            ("call_function_pipelined_noreply", .chain("host-1-2-3")),
        ] {
            #expect(try CallRequest.chainMark(in: WireVector.named(vector).message().data) == mark)
        }
        let bytes = try data(.tuple([.bytes([65]), "m", .none, "f", .tuple([]), .keywordArguments([:])]))
        #expect(CallRequest.chainMark(in: bytes) == .unclear)
        let data = try CallRequest.encode(
            Buy(item: "", tags: [:]),
            named: "4Shop3BuyV",
            chainID: "abc",
            options: .init()
        )
        for count in 0..<12 { #expect(CallRequest.chainMark(in: Array(data[..<min(count, 10)])) == .unclear) }
        #expect(CallRequest.chainMark(in: [UInt8](repeating: 0xFF, count: 100)) == .unclear)
    }

    @Test("Forgetting a chain is written as Python writes it, and recognised")
    func forget() throws {
        let vector = try request("call_function_forget_chain")
        #expect(vector.forgottenChain == "host-1-2-3")
        let own = try CallRequest(decoding: CallRequest.encodeForgetting(chainID: "host-1-2-3"))
        #expect(own == vector)
        #expect(try request("call_function_args").forgottenChain == nil)
    }

    @Test("Cancelling says which call, and whether its time is over")
    func cancellation() {
        for isTimeout in [false, true] {
            let cancellation = CallCancellation(replyTo: 4_000_000_000, isTimeout: isTimeout)
            #expect(CallCancellation(parsing: cancellation.data) == cancellation)
        }
        for text in ["", " ", "x", "-1", "4294967296", "12 ", " 12", "12 timeouts", "12 timeout ", "12  timeout"] {
            #expect(CallCancellation(parsing: Array(text.utf8)) == nil)
        }
    }

    private func properties(of request: CallRequest) throws -> PickleValue {
        guard case .value(let value) = request.properties else {
            throw MitogenError(.callError, "the arguments have no names")
        }
        return value
    }

    @Test("Properties come from keyword arguments, from one dictionary, or from arguments without names")
    func properties() throws {
        func properties(_ arguments: [PickleValue], _ keywords: PickleDictionary) throws -> CallRequest.Properties {
            let data = try CallRequest.encode(
                named: "shop.buy",
                arguments: arguments,
                keywordArguments: keywords,
                options: .init()
            )
            return try CallRequest(decoding: data).properties
        }
        #expect(try properties([], [:]) == .value(.dictionary([:])))
        #expect(try properties([], ["a": 1]) == .value(.dictionary(["a": 1])))
        #expect(try properties([["a": 1]], [:]) == .value(.dictionary(["a": 1])))
        #expect(try properties([1], [:]) == .arguments([1], named: [:]))
        #expect(try properties([["a": 1]], ["b": 2]) == .arguments([["a": 1]], named: ["b": 2]))
        #expect(try properties([["a": 1], 2], [:]) == .arguments([["a": 1], 2], named: [:]))
    }

    @Test("A list of arguments, a plain dict and Python 2's byte strings are tolerated")
    func tolerated() throws {
        let data = try data(.tuple([.none, .bytes(Array("m".utf8)), "C", "f", [1], ["a": 2]]))
        let request = try CallRequest(decoding: data)
        #expect(request.registeredName == "m.C.f")
        #expect(request.arguments == [1])
        #expect(request.keywordArguments == ["a": 2])
    }

    @Test("A class called swift makes no typed call")
    func notTyped() throws {
        let data = try data(.tuple([.none, "swift", "C", "f", .tuple([1]), .keywordArguments([:])]))
        #expect(try !CallRequest(decoding: data).isTyped)
    }

    @Test(
        "Anything else is a stream error",
        arguments: [
            .none, 1, "text", [], .tuple([]),
            [.none, "m", .none, "f", .tuple([]), .keywordArguments([:])],
            .tuple([.none, "m", .none, "f", .tuple([])]),
            .tuple([.none, "m", .none, "f", .tuple([]), .keywordArguments([:]), .none]),
            .tuple([1, "m", .none, "f", .tuple([]), .keywordArguments([:])]),
            .tuple([.none, .none, .none, "f", .tuple([]), .keywordArguments([:])]),
            .tuple([.none, "m", 1, "f", .tuple([]), .keywordArguments([:])]),
            .tuple([.none, "m", .none, .none, .tuple([]), .keywordArguments([:])]),
            .tuple([.none, "m", .none, "f", "x", .keywordArguments([:])]),
            .tuple([.none, "m", .none, "f", .none, .keywordArguments([:])]),
            .tuple([.none, "m", .none, "f", .tuple([]), []]),
            .tuple([.none, "m", .none, "f", .tuple([]), .none]),
        ] as [PickleValue]
    )
    func malformed(value: PickleValue) throws {
        let data = try data(value)
        #expect(code { _ = try CallRequest(decoding: data) } == .streamError)
    }

    @Test("A call that is cut off anywhere is a stream error")
    func truncated() throws {
        let data = try WireVector.named("call_function_args").message().data
        for count in data.indices {
            #expect(code { _ = try CallRequest(decoding: Array(data[..<count])) } == .streamError)
        }
    }
}
