//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import MitogenPickle
internal import MitogenServices
internal import Testing

extension LibraryTests {
    @Suite("Bidirectional streams")
    struct BidirectionalStreams {}
}

extension LibraryTests.BidirectionalStreams {
    @Test("Values go both ways, in order, until the caller has no more")
    func bothWays() async throws {
        try await withFixtureRouter { router in
            let nested = try await router.local(via: try await router.local())
            for context in [nested, router.myself()] {
                let stream = try await context.open(DoubleAll())
                #expect(stream.context == context)
                try await stream.send(21)
                var values = stream.makeAsyncIterator()
                #expect(try await values.next() == 42)
                async let sending: Void = {
                    for number in 1...2000 { try await stream.send(number) }
                    stream.finish()
                }()
                var answers: [Int] = []
                for try await value in stream { answers.append(value) }
                try await sending
                #expect(answers == (1...2000).map { 2 * $0 } + [21 + 2000 * 2001 / 2])
            }
        }
    }

    @Test("Both ends wait for one that does not keep up, and memory stays bounded")
    func windows() async throws {
        try await withFixtureRouter { router in
            let stream = try await router.local().open(DoubleAll(), window: 10_000)
            var sent = 0
            // Nobody takes answers: first the function waits, then the caller.
            let stuck = try await failure {
                while sent < 10_000 {
                    try await stream.send(1, timeout: .milliseconds(300))
                    sent += 1
                }
            }
            #expect(stuck.code == .timeoutError)
            #expect(sent > 200 && sent < 1000, "\(sent)")
            stream.finish()
            var count = 0
            for try await _ in stream { count += 1 }
            #expect(count == sent + 1)
        }
    }

    @Test("What the function throws is thrown by the loop, and sending to it ends; who lets go cancels it")
    func ends() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let short = try await child.open(DoubleAll(limit: 1))
            try await short.send(1)
            try await short.send(2)
            var values: [Int] = []
            let error = try await failure { for try await value in short { values.append(value) } }
            #expect(values == [2])
            #expect(error.remote?.decode(as: OutOfStock.self) == OutOfStock(item: "numbers"))
            let late = try await failure {
                for _ in 0..<1000 {
                    try await short.send(3)
                    try await Task.sleep(for: .milliseconds(5))
                }
            }
            #expect(late.code == .channelError)
            try await withTemporaryDirectory { directory in
                var stream: OpenStream<Int, Int>? = try await child.open(DoubleAll(path: "\(directory)/end"))
                try await stream?.send(1)
                stream = nil
                #expect(try await eventually { Files.text("\(directory)/end") == "cancelled" })
            }
            let lost = try await child.open(DoubleAll())
            try child.callNoReply(Crash(.kill))
            #expect(try await failure { for try await _ in lost {} }.code == .channelError)
        }
    }

    @Test("A call whose answer nobody wants ends when its time is over, in a chain and by name too")
    func limitsWithoutAnswer() async throws {
        try await withTemporaryDirectory { directory in
            try await withFixtureRouter { router in
                let child = try await router.local()
                let chain = CallChain(context: child)
                try child.callNoReply(NoteDeadline("\(directory)/call"), timeout: .milliseconds(50))
                try chain.callNoReply(NoteDeadline("\(directory)/chain"), timeout: .milliseconds(50))
                for name in ["call", "chain"] {
                    #expect(try await eventually { Files.text("\(directory)/\(name)") == "out of time" })
                }
                #expect(try await chain.call(Add(1, 2), timeout: .seconds(10)) == 3)
            }
        }
    }

    @Test("Functions and services are called by name in every form")
    func byName() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            try await child.call(RegisterNote())
            let note: PickleDictionary = ["text": "a", "milliseconds": 0, "fails": false, "ballast": .bytes([])]
            let name = "fixture.note"
            let call = try child.startCall(named: name, keywordArguments: note, as: String.self, timeout: .seconds(10))
            #expect(try await call.get() == "a")
            var slow = note
            slow["milliseconds"] = 100_000
            let late = try await failure {
                _ = try await child.startCall(
                    named: name,
                    keywordArguments: slow,
                    as: String.self,
                    timeout: .milliseconds(50)
                ).get()
            }
            #expect(late.code == .timeoutError)
            let chain = CallChain(context: child, isPipelined: true)
            var failing = note
            failing["fails"] = true
            try chain.callNoReply(named: name, keywordArguments: failing)
            let next = try chain.startCall(named: name, keywordArguments: note, as: String.self)
            #expect(try await failure { _ = try await next.get() }.remote?.decode(as: OutOfStock.self) != nil)
            try child.callNoReply(
                named: name,
                keywordArguments: ["text": "b", "milliseconds": 0, "fails": false, "ballast": .bytes([])]
            )
            #expect(try await eventually { try await child.call(ReadNotes()).contains("b>") })
            try await child.prepareService(Notebook.self)
            let service = "MitogenFixtures.Notebook"
            #expect(try await child.callService(named: service, method: "Write", ["word": "x"], as: Int.self) == 1)
            try child.callServiceNoReply(named: service, method: "Write", ["word": "y"], timeout: .seconds(5))
            let words = try child.startServiceCall(named: service, method: "ReadAll", as: [String].self)
            #expect(try await words.get(timeout: .seconds(5)).first == "x")
            let unknown = try await failure {
                _ = try await child.callService(named: service, method: "Burn", as: Int.self)
            }
            #expect(unknown.code == .callError && unknown.message.contains("No such method"))
        }
    }
}
