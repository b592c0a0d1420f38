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
}
