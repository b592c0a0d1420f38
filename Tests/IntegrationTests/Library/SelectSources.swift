//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import MitogenProtocol
internal import Testing

extension LibraryTests.Selects {
    @Test("Answers, streams and calls are sources, and events have the tags of theirs")
    func tagged() async throws {
        try await withFixtureRouter { router in
            let (left, right) = (try await router.local(), try await router.local())
            let select = Select<Int>(isOneShot: false)
            let values = try select.add(left.stream(Count(to: 50)), tag: left.id) { $0.value }
            try select.add(right.stream(Count(to: 3, fails: true)), tag: right.id) { $0.value }
            try select.add(try left.startCall(Add(1, 2)), tag: "sum")
            let dead = try left.startRequest(Message(handle: 4711))
            try select.add(dead, tag: "dead") { _ in 0 }
            let inner = Select<Int>(isOneShot: false)
            try inner.add(try left.startCall(Add(2, 2)), tag: "inner")
            try inner.add(try left.startCall(Add(3, 3)))
            try select.add(inner, tag: "outer")
            var counts: [String: Int] = [:]
            for try await event in select {
                let tag = try #require(event.tag)
                counts["\(tag)", default: 0] += 1
                if event.source === values { #expect(tag as? ContextID == left.id) }
                switch event.result {
                case .success(let number): #expect(tag as? String != "sum" || number == 3)
                case .failure(let error):
                    #expect(event.isLast)
                    #expect(error.code == (tag as? String == "dead" ? .channelError : .callError), "\(error)")
                }
            }
            let expected = ["\(left.id)": 50, "\(right.id)": 4, "sum": 1, "dead": 1, "inner": 1, "outer": 1]
            #expect(counts == expected)
        }
    }

    @Test("A select of streams has all of their values")
    func streams() async throws {
        try await withFixtureRouter { router in
            let children = [try await router.local(), try await router.local()]
            let select = try Select(zip(children, [50, 3]).map { $0.stream(Count(to: $1)) })
            var count = 0
            for try await event in select {
                _ = try event.result.get()
                count += 1
            }
            #expect(count == 53)
        }
    }

    @Test("A stream that is removed, or whose select is closed, is cancelled")
    func letGo() async throws {
        try await withTemporaryDirectory { directory in
            try await withFixtureRouter { router in
                let child = try await router.local()
                let select = Select<Count.Number>(isOneShot: false)
                let first = try select.add(child.stream(Count(milliseconds: 1, path: "\(directory)/removed")))
                try select.add(child.stream(Count(milliseconds: 1, path: "\(directory)/closed")))
                for _ in 0..<10 { _ = try await select.get() }
                try select.remove(first)
                #expect(try await eventually { Files.text("\(directory)/removed") == "cancelled" })
                #expect(try await select.get().value >= 0)
                select.close()
                #expect(try await eventually { Files.text("\(directory)/closed") == "cancelled" })
                let oneShot = try await failure { try Select<Count.Number>().add(child.stream(Count())) }
                #expect(oneShot.code == .misuse)
            }
        }
    }

    @Test("Results are in the order of their calls, failures among them")
    func results() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let calls = [
                try child.startCall(Doze(milliseconds: 60, result: 1)),
                try child.startCall(Doze(milliseconds: 1, result: 2)),
                try child.startCall(Doze(milliseconds: 100_000)),
            ]
            let results = await Select.results(of: calls, timeout: .milliseconds(500))
            #expect(results.count == 3)
            #expect(try results[0].get() == 1 && results[1].get() == 2)
            #expect(throws: MitogenError.self) { try results[2].get() }
            let slow = calls[2]
            let task = Task { await Select.results(of: [slow]) }
            task.cancel()
            await #expect(throws: MitogenError.self) { try await task.value[0].get() }
            #expect(try await failure { _ = try await slow.get() }.code == .cancelled)
            let select = try Select([try child.startCall(Add(1, 1)), try child.startCall(Add(2, 2))])
            var sum = 0
            for try await event in select { sum += try event.result.get() }
            #expect(sum == 6)
        }
    }
}
