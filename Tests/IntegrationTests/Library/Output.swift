//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
internal import Mitogen
internal import MitogenFixtures
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension LibraryTests {
    @Suite("Output and logs of contexts")
    struct Output {}
}

extension LibraryTests.Output {
    @Test("What functions print becomes log records of the master")
    func printed() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "printer" }
            try await child.call(PrintText("printed"))
            try await child.call(WriteText("written\nto output\n", to: 1))
            try await child.call(WriteText("to error\r\n\nafter an empty line\n", to: 2))
            #expect(try await child.call(SpawnInherited(["sh", "-c", "echo inherited; echo and error >&2"])) == 0)
            let output = "stdout.[printer]"
            let errors = "stderr.[printer]"
            #expect(try await CapturedLog.waitForLine(of: output) { $0 == "inherited" })
            #expect(try await CapturedLog.waitForLine(of: errors) { $0 == "and error" })
            #expect(CapturedLog.lines(of: output) == ["printed", "written", "to output", "inherited"])
            #expect(CapturedLog.lines(of: errors) == ["to error", "", "after an empty line", "and error"])
            #expect(
                (CapturedLog.records(of: output) + CapturedLog.records(of: errors)).allSatisfy { $0.level == .info }
            )
        }
    }

    @Test("The output of a context behind others arrives under its whole name")
    func nested() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "outer" }
            let nested = try await router.local(via: child) { $0.name = "inner" }
            try await nested.call(PrintText("from below"))
            #expect(try await CapturedLog.waitForLine(of: "stdout.[outer.inner]") { $0 == "from below" })
        }
    }

    @Test("What is not text arrives too")
    func notText() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "binary" }
            #expect(try await child.call(SpawnInherited(["printf", "a\\377b\\0c\\n"])) == 0)
            #expect(try await CapturedLog.waitForLine(of: "stdout.[binary]") { $0 == "a\u{fffd}b\0c" })
        }
    }

    @Test("An unfinished last line arrives when the context ends", arguments: [false, true])
    func unfinished(isNested: Bool) async throws {
        try await withFixtureRouter { router in
            let via = isNested ? try await router.local { $0.name = "above" } : nil
            let name = isNested ? "last words below" : "last words"
            let child = try await router.local(via: via) { $0.name = name }
            try await child.call(PrintText("no newline", terminator: ""))
            try await child.call(WriteText("nor here", to: 2))
            try await child.shutdown(waits: true)
            let whole = isNested ? "above.\(name)" : name
            #expect(try await CapturedLog.waitForLine(of: "stdout.[\(whole)]") { $0 == "no newline" })
            #expect(try await CapturedLog.waitForLine(of: "stderr.[\(whole)]") { $0 == "nor here" })
        }
    }

    @Test("Megabytes are printed without loss", arguments: [1, 2] as [Int32])
    func megabytes(descriptor: Int32) async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "megabytes\(descriptor)" }
            let label = descriptor == 1 ? "stdout.[megabytes1]" : "stderr.[megabytes2]"
            try await within(.seconds(20)) { try await child.call(WriteLines(8192, to: descriptor)) }
            #expect(try await eventually { CapturedLog.lines(of: label).count == 8192 })
            let lines = CapturedLog.lines(of: label)
            #expect(lines.allSatisfy { $0.utf8.count == 1023 })
            #expect(lines.enumerated().allSatisfy { $1.hasPrefix("line \($0) ") })
        }
    }

    @Test("A function that prints for ever does not hold up calls, or the end")
    func endless() async throws {
        try await withFixtureRouter { router in
            let target = try await router.local()
            let pid = try await target.call(ProcessID())
            _ = try target.startCall(PrintForever())
            let best = try await bestDuration { _ = try await target.call(Add(1, 2)) }
            #expect(best < .milliseconds(500))
            let elapsed = try await duration { try await target.shutdown(waits: true, timeout: .seconds(10)) }
            // 3 s that a context has for its end, and what a debug build takes for a full pipe of short lines.
            #expect(elapsed < .seconds(5))
            #expect(try await Processes.stillRunning([pid], after: .seconds(1)).isEmpty)
        }
    }

    @Test("A very long line arrives in pieces")
    func longLine() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "long" }
            try await child.call(WriteText(String(repeating: "x", count: 1_000_000) + "\n", to: 1))
            let label = "stdout.[long]"
            #expect(try await eventually { CapturedLog.lines(of: label).reduce(0) { $0 + $1.utf8.count } == 1_000_000 })
        }
    }

    @Test("Standard input is empty, and the standard descriptors block")
    func descriptors() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let report = try await child.call(DescribeDescriptors())
            #expect(report.areBlocking == [true, true, true])
            #expect(report.input == "/dev/null")
            #expect(report.bytesRead == 0)
        }
    }

    @Test("Log records arrive at their level, from the configured one up")
    func records() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "logger" }
            try await child.call(LogAtEveryLevel(label: "shop"))
            let label = "shop.[logger]"
            #expect(try await CapturedLog.waitForLine(of: label) { $0 == "at critical" })
            let records = CapturedLog.records(of: label)
            #expect(records.map(\.message) == ["info", "notice", "warning", "error", "critical"].map { "at \($0)" })
            // Python has no level between info and warning.
            #expect(records.map(\.level) == [.info, .info, .warning, .error, .critical])
            let talkative = try await router.local {
                $0.name = "talkative"
                $0.isDebugEnabled = true
            }
            try await talkative.call(LogAtEveryLevel(label: "shop"))
            #expect(try await CapturedLog.waitForLine(of: "shop.[talkative]") { $0 == "at critical" })
            #expect(CapturedLog.lines(of: "shop.[talkative]").contains("at debug"))
            // What was logged before the master could be reached was kept for it.
            let first = try #require(CapturedLog.lines(of: "mitogen.[talkative]").first)
            #expect(first.contains("context \(talkative.id), parents [0]"), "\(first)")
            if let file = try await talkative.call(DebugFileHere()) { unlink(file) }
        }
        try await withFixtureRouter {
            $0.forwardedLogLevel = 40
        } _: { router in
            let child = try await router.local { $0.name = "terse" }
            let nested = try await router.local(via: child) { $0.name = "too" }
            for (context, name) in [(child, "terse"), (nested, "terse.too")] {
                try await context.call(LogAtEveryLevel(label: "shop"))
                #expect(try await CapturedLog.waitForLine(of: "shop.[\(name)]") { $0 == "at critical" })
                #expect(CapturedLog.lines(of: "shop.[\(name)]") == ["at error", "at critical"])
            }
        }
    }

    @Test("What a command writes goes to its caller, not to the log")
    func commands() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "silent" }
            #expect(try await child.run(["echo", "to the caller"]).outputText == "to the caller\n")
            try await child.call(PrintText("to the log"))
            #expect(try await CapturedLog.waitForLine(of: "stdout.[silent]") { $0 == "to the log" })
            #expect(CapturedLog.lines(of: "stdout.[silent]") == ["to the log"])
        }
    }
}
