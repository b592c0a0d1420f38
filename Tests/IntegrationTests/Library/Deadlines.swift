//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import MitogenPickle
internal import Testing

extension LibraryTests {
    @Suite("Deadlines")
    struct Deadlines {}
}

extension LibraryTests.Deadlines {
    @Test("A function knows how much time it has, and gives its own calls no more")
    func inherited() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let nested = try await router.local(via: child)
            #expect(try await child.call(TimeLeft()) == nil)
            #expect(try await child.call(TimeLeft(through: [nested])) == nil)
            let own = try #require(try await child.call(TimeLeft(), timeout: .seconds(20)))
            #expect(15...20 ~= own)
            let inherited = try #require(try await child.call(TimeLeft(through: [nested]), timeout: .seconds(20)))
            #expect(15...20 ~= inherited)
            let shorter = TimeLeft(through: [nested], timeout: 10)
            #expect(5...10 ~= (try #require(try await child.call(shorter, timeout: .seconds(20)))))
            let longer = TimeLeft(through: [nested], timeout: 60)
            #expect(15...20 ~= (try #require(try await child.call(longer, timeout: .seconds(20)))))
            #expect(5...10 ~= (try #require(try await child.call(shorter))))
            let itself = TimeLeft(through: [child])
            #expect(15...20 ~= (try #require(try await child.call(itself, timeout: .seconds(20)))))
            try await child.withCallChain { chain async throws in
                #expect(15...20 ~= (try #require(try await chain.call(TimeLeft(), timeout: .seconds(20)))))
            }
            let seconds = try await child.call(TimeLeft(ballast: 50_000), timeout: .seconds(20))
            #expect(15...20 ~= (try #require(seconds)))
        }
    }

    @Test("A call by name brings its time along, too")
    func named() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            try await child.call(RegisterTimeLeft())
            let arguments: PickleDictionary = ["through": [], "ballast": .bytes([])]
            let left = try await child.call(
                named: "fixture.timeLeft",
                keywordArguments: arguments,
                as: Double?.self,
                timeout: .seconds(20)
            )
            #expect(15...20 ~= (try #require(left)))
        }
    }

    @Test("The end of the time cancels the function where it runs, without the caller's help")
    func cancelledByCallee() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            try await withTemporaryDirectory { directory in
                let path = "\(directory)/state"
                // A call that is only started has no timer here: the callee alone knows its time.
                let error = try await failure {
                    try await child.call(StartAndTell(path: path), timeout: .milliseconds(300))
                }
                #expect(error.code == .timeoutError)
                #expect(try await eventually(within: .seconds(3)) { Files.text("\(path).answer") != nil })
                // The answer does not wait for the function.
                #expect(try await eventually(within: .seconds(3)) { Files.text(path) == "cancelled" })
                let answer = try #require(Files.text("\(path).answer"))
                #expect(answer.hasPrefix("timeoutError: ") && answer.contains("ReportCancellation"))
            }
        }
    }

    @Test("A time that is over before the function begins is an error, and it does not run", arguments: [false, true])
    func over(isChained: Bool) async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let chain = CallChain(context: child)
            let error = try await failure {
                if isChained {
                    _ = try await chain.call(Note("never"), timeout: .zero)
                } else {
                    _ = try await child.call(Note("never"), timeout: .zero)
                }
            }
            #expect(error.code == .timeoutError)
            #expect(try await chain.call(Add(1, 2)) == 3)
            #expect(try await child.call(ReadNotes()).isEmpty)
        }
    }

    @Test("The end of the time reaches functions three levels down", arguments: [false, true])
    func deepTimeout(isCancelled: Bool) async throws {
        try await withFixtureRouter { router in
            var contexts: [Context] = []
            for _ in 0..<3 { contexts.append(try await router.local(via: contexts.last)) }
            let first = contexts.removeFirst()
            try await withTemporaryDirectory { [contexts] directory async throws in
                let path = "\(directory)/state"
                let function = ReportThrough(contexts, path: path)
                let caller = Task {
                    try await failure {
                        try await first.call(function, timeout: isCancelled ? nil : .milliseconds(500))
                    }
                }
                for level in 0...2 { #expect(try await eventually { Files.text("\(path)\(level)") == "started" }) }
                if isCancelled { caller.cancel() }
                #expect(try await caller.value.code == (isCancelled ? .cancelled : .timeoutError))
                for level in 0...2 {
                    #expect(try await eventually(within: .seconds(2)) { Files.text("\(path)\(level)") == "cancelled" })
                }
            }
        }
    }

    @Test("A stream and a command that a function starts end with its time")
    func otherCalls() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let nested = try await router.local(via: child)
            try await withTemporaryDirectory { directory in
                let path = "\(directory)/state"
                let stream = CollectFrom(nested, Count(milliseconds: 10, path: path))
                let error = try await failure { _ = try await child.call(stream, timeout: .milliseconds(300)) }
                #expect(error.code == .timeoutError)
                #expect(try await eventually(within: .seconds(2)) { Files.text(path) == "cancelled" })
                let command = RunHere(["sh", "-c", "echo $$ > \(directory)/pid; exec sleep 1000"])
                let ended = try await failure { _ = try await child.call(command, timeout: .milliseconds(500)) }
                #expect(ended.code == .timeoutError)
                let pid = try #require(Files.text("\(directory)/pid").flatMap { Int32($0.prefix { $0.isNumber }) })
                #expect(try await Processes.stillRunning([pid], after: .seconds(3)).isEmpty)
            }
        }
    }
}
