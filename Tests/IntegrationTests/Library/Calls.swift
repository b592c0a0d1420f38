//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
internal import Mitogen
internal import MitogenFixtures
internal import MitogenPickle
internal import MitogenProtocol
internal import Testing

extension LibraryTests {
    @Suite("Calls")
    struct Calls {}
}

/// Exists here only, not in the fixture.
struct OnlyInTheTests: RemoteFunction {
    func run(in context: ExternalContext) async throws -> Int { 1 }
}

private struct Hidden: RemoteFunction {
    func run(in context: ExternalContext) async throws -> Int { 1 }
}

extension LibraryTests.Calls {
    @Test("A function gets its arguments and returns its result")
    func simple() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            #expect(try await child.call(Add(1, 2)) == 3)
            #expect(try await child.call(AddOnBroker(-5, 2)) == -3)
            #expect(try await child.call(Outer.Nested()) == "nested")
            try await child.call(DoNothing())
        }
    }

    @Test("Every kind of value arrives as it was sent")
    func values() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let everything = Everything()
            #expect(try await child.call(Echo(everything)) == everything)
            #expect(try await child.call(Echo([1: Everything.Shape.point])) == [1: .point])
            #expect(try await child.call(Echo("text")) == "text")
            #expect(try await child.call(Echo(Int?.none)) == nil)
            #expect(try await child.call(Echo([Int?.none, 1])) == [nil, 1])
            #expect(try await child.call(Echo(["a": [1.5]])) == ["a": [1.5]])
            #expect(try await child.call(Echo([String: Int]())).isEmpty)
            #expect(try await child.call(Echo([UInt8]())).isEmpty)
            #expect(try await child.call(Echo(Echo(true))).value)
            #expect(try await child.call(Echo(Double.nan)).isNaN)
        }
    }

    @Test("Megabytes of bytes go both ways")
    func large() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let nested = try await router.local(via: child)
            let bytes = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            for context in [child, nested] {
                #expect(try await context.call(Echo(bytes)) == bytes)
                #expect(try await context.call(MakeBytes(5_000_000)).count == 5_000_000)
            }
        }
    }

    @Test("200 calls run at the same time")
    func concurrent() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let elapsed = try await duration {
                let results = try await withThrowingTaskGroup(of: (Int, Int).self) { group in
                    for number in 0..<200 {
                        group.addTask { (number, try await child.call(Doze(milliseconds: 100, result: number))) }
                    }
                    return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
                }
                #expect(results.count == 200)
                #expect(results.allSatisfy { $0 == $1 })
            }
            #expect(elapsed < .seconds(3))
        }
    }

    @Test("A call is answered within 50 ms while 32 others block their threads")
    func blocking() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let blocked = try (0..<32).map { _ in try child.startCall(Block(milliseconds: 1000)) }
            #expect(try await bestDuration { _ = try await child.call(Add(1, 2)) } < .milliseconds(50))
            for call in blocked { try await call.get() }
        }
    }

    @Test("The same on one processor only")
    func blockingPinned() async throws {
        let helper = try HelperProcess.fixture("blocking-calls", pinned: true)
        #expect(try await helper.waitForEnd() == 0)
        let best = try #require(helper.lines.last?.split(separator: " ").last.flatMap { Int($0) })
        #expect(best < 50)
    }

    @Test("Functions that block do not hold up what passes through their context")
    func routingGoesOn() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let nested = try await router.local(via: child)
            let blocked = try (0..<20).map { _ in try child.startCall(Block(milliseconds: 700)) }
            #expect(try await bestDuration { _ = try await nested.call(Add(1, 2)) } < .milliseconds(50))
            for call in blocked { try await call.get() }
        }
    }

    @Test("Functions run where they are isolated to")
    func isolated() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            #expect(try await child.call(OnMainActor()))
            #expect(try await child.call(OnMainActor()))
            let totals = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<50 { group.addTask { try await child.call(CountInActor(2)) } }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(totals == Set((1...50).map { $0 * 2 }))
        }
    }

    @Test("Functions are called by the names they are registered with")
    func named() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let unknown = try await failure { try await child.call(named: "fixture.add", as: Int.self) }
            #expect(unknown.code == .unknownFunction)
            #expect(unknown.message.contains("fixture.add"))
            try await child.call(RegisterNames())
            let keywords: PickleDictionary = ["left": 1, "right": 2]
            #expect(try await child.call(named: "fixture.add", keywordArguments: keywords, as: Int.self) == 3)
            #expect(try await child.call(named: "fixture.add", [.dictionary(keywords)], as: Int.self) == 3)
            let nothing = try await child.call(named: "fixture.nothing", as: Int?.self)
            #expect(nothing == nil)
            #expect(try await child.call(named: "fixture.add", [1, 2], as: Int.self) == 3)
            let one: PickleDictionary = ["right": 2]
            #expect(try await child.call(named: "fixture.add", [1], keywordArguments: one, as: Int.self) == 3)
            let three = try await failure { try await child.call(named: "fixture.add", [1, 2, 3], as: Int.self) }
            #expect(three.code == .callError)
            #expect(three.message.contains("it takes 2 positional arguments but 3 were given"))
            let malformed = try await failure { try await child.call(named: "fixture", as: Int.self) }
            #expect(malformed.code == .unencodable)
            let wrong: PickleDictionary = ["left": "one", "right": 2]
            let error = try await failure {
                try await child.call(named: "fixture.add", keywordArguments: wrong, as: Int.self)
            }
            #expect(error.code == .callError)
            #expect(error.message.contains("left"))
        }
    }

    @Test("A function that only the caller has is unknown to the callee")
    func unknownFunction() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "stranger" }
            let error = try await failure { try await child.call(OnlyInTheTests()) }
            #expect(error.code == .unknownFunction)
            #expect(error.context == "stranger")
            #expect(error.message.contains("OnlyInTheTests"))
            #expect(try await child.call(Add(1, 2)) == 3)
        }
    }

    @Test("A function that cannot be found by name is refused before it is sent")
    func hiddenFunction() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let error = try await failure { try await child.call(Hidden()) }
            #expect(error.code == .misuse)
            #expect(error.hint?.contains("internal or public") == true)
        }
    }

    @Test("What cannot be written or read is an error of the call only")
    func codingFailures() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "codec" }
            let argument = try await failure { _ = try await child.call(Echo(Unwritable())) }
            #expect(argument.code == .unencodable)
            #expect(argument.message.contains("the arguments of") && argument.message.contains("Echo"))
            let result = try await failure { _ = try await child.call(MakeUnreadable()) }
            #expect(result.code == .streamError)
            #expect(result.message.contains("MakeUnreadable") && result.message.contains("Unreadable"))
            #expect(result.context == "codec")
            let unwritable = try await failure { _ = try await child.call(MakeUnwritable()) }
            #expect(unwritable.code == .unencodable)
            #expect(unwritable.message.contains("the result of") && unwritable.message.contains("MakeUnwritable"))
            #expect(unwritable.message.contains("Refusal"))
            let undecodable = try await failure { _ = try await child.call(Echo(Unreadable())) }
            #expect(undecodable.code == .callError)
            #expect(undecodable.message.contains("the arguments of") && undecodable.message.contains("Echo"))
            #expect(undecodable.message.contains("Refusal"))
            let garbage = Message(handle: StandardHandle.callFunction, encoding: .pickle, data: [1, 2, 3])
            let answer = try await child.request(garbage, timeout: .seconds(5))
            let malformed = try await failure { _ = try answer.unpickle() }
            #expect(malformed.message.contains("invalid call"))
            #expect(try await child.call(Add(1, 2)) == 3)
        }
    }

    @Test("A call without reply runs, and its failure is logged")
    func noReply() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "forgotten" }
            try await withTemporaryDirectory { directory in
                let path = "\(directory)/proof"
                try child.callNoReply(ReportCancellation(path: path))
                #expect(try await eventually { Files.text(path) == "started" })
            }
            try child.callNoReply(Buy("milk"))
            let logged = try await CapturedLog.waitForLine(of: "mitogen.[forgotten]") {
                $0.contains("No-reply function call failed") && $0.contains("no milk left")
            }
            #expect(logged)
            let levels = CapturedLog.records(of: "mitogen.[forgotten]").filter { $0.message.contains("No-reply") }
            #expect(levels.map(\.level) == [.error])
        }
    }
}
