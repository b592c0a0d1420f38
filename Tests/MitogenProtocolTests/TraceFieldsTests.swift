//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

#if Tracing
    import MitogenPickle
    import MitogenProtocol
    import Testing

    /// Run with `swift test --traits Tracing`.
    @Suite
    struct TraceFieldsTests {
        @Test("Fields travel as options of a call")
        func options() throws {
            var options = CallOptions()
            options.trace.set("00-4bf9-00f0-01", for: "traceparent")
            #expect(!options.isEmpty)
            let data = try CallRequest.encode([1], named: "4Shop3BuyV", callOptions: options, options: .init())
            let request = try CallRequest(decoding: data)
            #expect(request.callOptions.trace["traceparent"] == "00-4bf9-00f0-01")
            #expect(request.callOptions == options)
        }

        @Test(
            "A name is short visible ASCII, a value has no control characters",
            arguments: [
                ("a", "", true), ("a-B.1", "é", true), (String(repeating: "n", count: 128), "v", true),
                (String(repeating: "n", count: 129), "v", false), ("", "v", false), ("a b", "v", false),
                ("é", "v", false), ("a\n", "v", false), ("a", "v\r\nb: c", false), ("a", "\u{1B}[2J", false),
                ("a", "\u{7F}", false), ("a", String(repeating: "v", count: 8192), true),
                ("a", String(repeating: "v", count: 8193), false),
            ]
        )
        func bounds(name: String, value: String, isAccepted: Bool) {
            var fields = TraceFields()
            let isSet = fields.set(value, for: name)
            #expect(isSet == isAccepted)
            #expect(fields[name] == (isAccepted ? value : nil))
            let received = TraceFields(.dictionary([.string(name): .string(value)]))
            #expect(received == fields)
        }

        @Test("There are at most so many fields; one that is there can still be set again")
        func count() {
            var fields = TraceFields()
            let areSet = (0..<40).map { fields.set("v", for: "f\($0)") }
            #expect(areSet == (0..<40).map { $0 < TraceFields.mostFields })
            fields.set("w", for: "f0")
            #expect(fields["f0"] == "w")
            #expect(fields["f32"] == nil)
        }

        @Test("There are at most so many bytes; what is replaced does not count")
        func bytes() {
            var fields = TraceFields()
            let half = String(repeating: "v", count: TraceFields.longestValue - 1)
            let areSet = ["a", "a", "b", "c", "b", "c"].enumerated().map { index, name in
                fields.set(index < 3 ? half : "", for: name)
            }
            #expect(areSet == [true, true, true, false, true, true])
        }

        @Test("What is no text is ignored", arguments: [.none, 1, [1], "a", [1: "a"], ["a": 1]] as [PickleValue])
        func otherValues(value: PickleValue) {
            #expect(TraceFields(value).isEmpty)
        }

        @Test("Behind a request there can be fields; who reads the request does not see them")
        func trailer() throws {
            var writer = PickleWriter(options: .init(bytesStyle: .binary))
            try writer.writeStream(["request", 1])
            let request = writer.bytes
            #expect(TraceTrailer.fields(in: request).isEmpty)
            var fields = TraceFields()
            fields.set("x", for: "traceparent")
            var data = request
            TraceTrailer.append(fields, to: &data)
            #expect(data.count > request.count)
            #expect(TraceTrailer.fields(in: data) == fields)
            #expect(try PickleReader.decodeFirst(data) == ["request", 1])
            var unchanged = request
            TraceTrailer.append(TraceFields(), to: &unchanged)
            #expect(unchanged == request)
        }

        @Test("A malformed trailer is none")
        func malformedTrailer() throws {
            var data: [UInt8] = [0x80, 2, UInt8(ascii: "N"), UInt8(ascii: ".")]
            var fields = TraceFields()
            fields.set("x", for: "a")
            TraceTrailer.append(fields, to: &data)
            for count in 0..<data.count { #expect(TraceTrailer.fields(in: Array(data[..<count])).isEmpty) }
            for place in (data.count - 5)..<data.count {
                var other = data
                other[place] ^= 0x41
                #expect(TraceTrailer.fields(in: other).isEmpty)
            }
            #expect(TraceTrailer.fields(in: [0, 0, 0, 0, 0xFF]).isEmpty)
            #expect(TraceTrailer.fields(in: Array(repeating: 0xFF, count: 100)).isEmpty)
        }
    }
#endif
