//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Glibc
import Testing

@Suite(
    "The command line on a terminal",
    .serialized,
    .enabled(if: ToolProcess.isBuilt, "mitogen and mitogen-agent are not there: run 'swift build' first"),
    .enabled(if: access("/bin/dash", X_OK) == 0, "a shell that controls jobs and leaves the terminal alone: dash")
)
struct TerminalTests {
    static var mitogen: String { BuiltProgram.path(of: "mitogen") ?? "" }

    @Test(
        "Keys that end the program at a password's prompt leave the terminal as it was",
        arguments: [SIGINT, SIGQUIT]
    )
    func endedAtPassword(signal: Int32) async throws {
        let session = try TerminalSession(Self.mitogen, ["run", "--ask-password", "-t", "local", "--", "true"])
        try await session.wait(for: "SSH password: ")
        #expect(!session.hasEcho)
        session.type(signal == SIGINT ? "\u{3}" : "\u{1c}")
        let status = try await session.waitForEnd()
        #expect(status & 0x7f == signal)
        #expect(session.hasEcho)
    }

    @Test(
        "Signals that end the program at a password's prompt leave the terminal as it was",
        arguments: [SIGTERM, SIGHUP]
    )
    func signalledAtPassword(signal: Int32) async throws {
        let session = try TerminalSession(Self.mitogen, ["run", "--ask-password", "-t", "local", "--", "true"])
        try await session.wait(for: "SSH password: ")
        kill(session.pid, signal)
        #expect(try await session.waitForEnd() & 0x7f == signal)
        #expect(session.hasEcho)
    }

    @Test("Ctrl-Z at a password's prompt gives the terminal back, and fg asks again")
    func stoppedAtPassword() async throws {
        let session = try TerminalSession.shell()
        session.type("\(Self.mitogen) run --ask-password -t local -- expr 40 + 2\n")
        try await session.wait(for: "SSH password: ")
        #expect(!session.hasEcho)
        session.type("\u{1a}")
        try await session.wait(for: "Stopped")
        #expect(session.hasEcho)
        session.type("fg\n")
        try await session.wait(for: "SSH password: ", times: 2)
        #expect(!session.hasEcho)
        session.type("secret\n")
        try await session.wait(for: "42")
        #expect(session.hasEcho)
        #expect(!session.text.contains("secret"))
    }

    @Test("A job in the background that reads its terminal is stopped, and goes on in the foreground")
    func backgroundInput() async throws {
        let session = try TerminalSession.shell()
        session.type("\(Self.mitogen) run --stdin -- cat &\n")
        let job = try await Self.job(of: session)
        #expect(try await eventually { Processes.state(of: job) == "T" })
        #expect(!session.text.contains("Input/output error"))
        session.type("fg\n")
        try await session.wait(for: "run --stdin", times: 2)
        session.type("hello\n")
        // Once as it was typed.
        try await session.wait(for: "hello", times: 2)
        session.type("\u{4}")
        session.type("echo status $?.\n")
        try await session.wait(for: "status 0.")
    }

    /// The only child of the shell.
    private static func job(of session: TerminalSession) async throws -> Int32 {
        var jobs: [Int32] = []
        _ = try await eventually {
            jobs = Processes.children(of: session.pid)
            return jobs.count == 1
        }
        return try #require(jobs.first)
    }

    @Test("The progress line is drawn in the foreground only")
    func progress() async throws {
        let command = "\(Self.mitogen) run -t local:1 -t local:2 -- sleep 0.5"
        let session = try TerminalSession.shell()
        session.type("\(command) &\n")
        try await session.wait(for: "(exit 0, ", times: 2)
        #expect(!session.text.contains("running"))
        #expect(!session.text.contains("\u{1b}[K"))
        session.type("\(command)\n")
        try await session.wait(for: "0/2 done, 2 running")
        try await session.wait(for: "(exit 0, ", times: 4)
    }

    @Test("A progress line that was left in the foreground is not erased from the background")
    func progressLeft() async throws {
        let session = try TerminalSession.shell()
        session.type("\(Self.mitogen) run -t local:1 -t local:2 -- sleep 3\n")
        try await session.wait(for: "0/2 done, 2 running")
        session.type("\u{1a}")
        try await session.wait(for: "Stopped")
        let before = session.text.count
        session.type("bg\n")
        try await session.wait(for: "(exit 0, ", times: 2)
        let after = String(session.text.dropFirst(before))
        #expect(!after.contains("\u{1b}[K"))
        #expect(!after.contains("running"))
    }

    @Test("With 'stty tostop' a background job is stopped before it writes")
    func stoppedOutput() async throws {
        let session = try TerminalSession.shell()
        session.type("stty tostop; echo set.\n")
        try await session.wait(for: "set.", times: 2)
        session.type("\(Self.mitogen) run -- expr 40 + 2 &\n")
        let job = try await Self.job(of: session)
        #expect(try await eventually { Processes.state(of: job) == "T" })
        session.type("fg\n")
        try await session.wait(for: "42")
    }
}
