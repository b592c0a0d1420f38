//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import CMitogenPlatform
import Foundation
import Glibc
import Testing

@Suite(
    "Interrupting the command line",
    .serialized,
    .enabled(if: ToolProcess.isBuilt, "mitogen and mitogen-agent are not there: run 'swift build' first")
)
struct InterruptionTests {
    static let twoTargets = ["-t", "local", "-t", "local+local:b"]

    /// Starts a script on two targets, and waits until `sleep` was started so many times.
    static func start(_ script: String, sleeping: Int = 2) async throws -> ToolProcess {
        let process = try ToolProcess(["run"] + twoTargets + ["--", "sh", "-c", script])
        let running = try await process.waitForProcesses { running in
            running.count { $0.hasSuffix(": sleep 60 ") } >= sleeping
        }
        try #require(running.count >= 5, "\(running)")
        return process
    }

    @Test("The first Ctrl-C lets commands finish what they do on TERM")
    func once() async throws {
        let path = "/tmp/mitogen-test-trap-\(getpid())"
        unlink(path)
        defer { unlink(path) }
        // The trap runs twice if TERM comes twice, and the last word shows that nobody was in a hurry.
        let script =
            "trap 'echo term >>\(path); sleep 0.4; echo done >>\(path); exit' TERM; sleep 60 & wait; echo never"
        let process = try await Self.start(script)
        process.signal(SIGINT)
        let result = try await process.wait()
        #expect(result.status == 130)
        #expect(result.errors.contains("interrupted; unfinished: local,local+local:b"))
        #expect(result.lines.filter { $0.contains("(interrupted, ") }.count == 2)
        let said = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        #expect(said.sorted() == ["done", "done", "term", "term"])
        #expect(process.processes.isEmpty)
    }

    @Test("Commands that ignore TERM are killed 2 s after the first Ctrl-C, with their children")
    func stubborn() async throws {
        let process = try await Self.start("trap '' TERM; (sleep 60; sleep 60) & sleep 60; sleep 60", sleeping: 4)
        let clock = ContinuousClock()
        let start = clock.now
        process.signal(SIGINT)
        let result = try await process.wait()
        #expect(result.status == 130)
        #expect((.milliseconds(1900) ... .seconds(5)).contains(clock.now - start))
        #expect(process.processes.isEmpty)
    }

    @Test("The second Ctrl-C does not wait")
    func twice() async throws {
        let process = try await Self.start("trap '' TERM; while :; do sleep 60; done")
        let clock = ContinuousClock()
        let start = clock.now
        process.signal(SIGINT)
        try await Task.sleep(for: .milliseconds(300))
        process.signal(SIGINT)
        let result = try await process.wait()
        #expect(result.status == 130)
        #expect(clock.now - start < .milliseconds(1500))
        let left = try await process.waitForProcesses(\.isEmpty)
        #expect(left.isEmpty)
        #expect(clock.now - start < .seconds(3))
    }

    @Test("Whatever a run is about when it is interrupted, nothing is left of it")
    func early() async throws {
        for delay in stride(from: 0, to: 48, by: 4) {
            let script = "trap '' TERM; sleep 60; sleep 60"
            let process = try ToolProcess(["run"] + Self.twoTargets + ["--", "sh", "-c", script])
            try await Task.sleep(for: .milliseconds(delay))
            process.signal(SIGINT)
            try await Task.sleep(for: .milliseconds(150))
            if delay % 16 != 0 { process.signal(SIGINT) }
            let status = try await process.wait().status
            #expect(status == 130, "after \(delay) ms")
            let left = try await process.waitForProcesses(\.isEmpty)
            #expect(left.isEmpty, "after \(delay) ms")
        }
    }

    @Test("SIGTERM does the same and is told in the status")
    func terminated() async throws {
        let process = try await Self.start("sleep 60; true")
        process.signal(SIGTERM)
        #expect(try await process.wait().status == 143)
        #expect(process.processes.isEmpty)
    }

    @Test("A tool that is killed leaves nothing behind")
    func killed() async throws {
        let process = try await Self.start("trap '' TERM; while :; do sleep 60; done")
        process.signal(SIGKILL)
        #expect(try await process.wait().status == 137)
        #expect(try await process.waitForProcesses(\.isEmpty).isEmpty)
    }

    @Test("When nobody reads the output any more, the run ends silently")
    func brokenPipe() async throws {
        for arguments in [["--", "yes"], Self.twoTargets + ["--output", "stream", "--", "yes"]] {
            var ends: [Int32] = [0, 0]
            try #require(cmitogen_pipe(&ends, false) == 0)
            let process = try ToolProcess(["run"] + arguments, output: ends[1])
            var byte: UInt8 = 0
            #expect(read(ends[0], &byte, 1) == 1)
            close(ends[0])
            let result = try await process.wait()
            #expect(result.status == 141)
            #expect(result.errors.isEmpty)
            #expect(process.processes.isEmpty)
        }
    }

    @Test("A run whose output is not read can be interrupted")
    func fullPipe() async throws {
        var ends: [Int32] = [0, 0]
        try #require(cmitogen_pipe(&ends, false) == 0)
        defer { close(ends[0]) }
        let process = try ToolProcess(["run", "--", "yes"], output: ends[1])
        try await Task.sleep(for: .milliseconds(500))
        process.signal(SIGINT)
        // Signals that follow each other at once would be one.
        try await Task.sleep(for: .milliseconds(200))
        // The command is gone although the tool still waits for whoever reads.
        let left = try await process.waitForProcesses { !$0.contains { $0.hasSuffix(": yes ") } }
        #expect(!left.contains { $0.hasSuffix(": yes ") })
        process.signal(SIGINT)
        #expect(try await process.wait().status == 130)
        #expect(try await process.waitForProcesses(\.isEmpty).isEmpty)
    }
}
