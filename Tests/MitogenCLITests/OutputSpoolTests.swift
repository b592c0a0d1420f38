//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import Glibc
import Testing

@testable import MitogenCLI

@Suite("Output spool")
struct OutputSpoolTests {
    /// A spool whose file cannot take anything.
    static func fullSpool(threshold: Int) -> OutputSpool {
        OutputSpool(threshold: threshold) { () throws(OutputError) in
            SpoolFile(takingOwnershipOf: open("/dev/full", O_RDWR | O_CLOEXEC), directory: "/dev")
        }
    }

    /// Everything in order, with pieces of the same stream joined.
    static func transcript(_ output: CapturedOutput) throws -> [String] {
        var lines: [(OutputStreamKind, String)] = []
        try output.forEachChunk { (stream, bytes) throws(OutputError) in
            let text = String(decoding: bytes, as: UTF8.self)
            if lines.last?.0 == stream { lines[lines.count - 1].1 += text } else { lines.append((stream, text)) }
        }
        return lines.map { "\($0.0.name) \($0.1)" }
    }

    @Test("Output comes back in order, in memory or from a file", arguments: [0, 1, 7, 10, 30, 1000])
    func order(threshold: Int) throws {
        var spool = OutputSpool(threshold: threshold)
        try spool.append(Array("one ".utf8), to: .stdout)
        try spool.append([], to: .stderr)
        try spool.append(Array("two".utf8), to: .stdout)
        try spool.append(Array("bad".utf8), to: .stderr)
        try spool.append(Array("three".utf8), to: .stdout)
        let usesFile = spool.usesFile
        #expect(usesFile == (threshold < 1000))

        let output = spool.finish()
        for _ in 0..<2 {
            #expect(try Self.transcript(output) == ["stdout one two", "stderr bad", "stdout three"])
        }
        #expect(try bytes(of: output, .stdout) == Array("one twothree".utf8))
        #expect(try bytes(of: output, .stderr) == Array("bad".utf8))
        #expect(output.byteCount(of: .stdout) == 12)
        #expect(output.byteCount(of: .stderr) == 3)
        #expect(output.failure == nil)
        #expect(!output.isEmpty)
    }

    @Test("Up to the threshold no file is made")
    func threshold() throws {
        var spool = OutputSpool(threshold: OutputSpool.headerSize + 8, directory: "/nonexistent/mitogen")
        try spool.append([1, 2, 3, 4], to: .stdout)
        try spool.append([5, 6, 7, 8], to: .stdout)
        let usesFile = spool.usesFile
        #expect(!usesFile)
        let error = #expect(throws: OutputError.self) { try spool.append([9], to: .stdout) }
        #expect(error == .temporaryFile(.create, directory: "/nonexistent/mitogen", errno: ENOENT))
        #expect(
            error?.description
                == "cannot create a temporary file for large output in '/nonexistent/mitogen': No such file or directory"
        )
    }

    @Test("Large output is read back exactly", arguments: [1 << 10, 300 << 10, 16 << 20])
    func large(threshold: Int) throws {
        var spool = OutputSpool(threshold: threshold)
        var expected: [OutputStreamKind: [UInt8]] = [:]
        for index in 0..<2000 {
            let stream: OutputStreamKind = index % 3 == 0 ? .stderr : .stdout
            let piece = (0..<(index % 700)).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ index) }
            try spool.append(piece, to: stream)
            expected[stream, default: []] += piece
        }
        let usesFile = spool.usesFile
        #expect(usesFile == (threshold < 1 << 20))
        let output = spool.finish()
        for stream in OutputStreamKind.allCases {
            #expect(try bytes(of: output, stream) == expected[stream])
        }
        try output.forEachChunk { (_, bytes) throws(OutputError) in
            #expect((1...(64 << 10)).contains(bytes.count))
        }
    }

    @Test("The file has no name and only its owner could open it")
    func fileIsUnlinked() throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("spool-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }

        var spool = OutputSpool(threshold: 4, directory: directory.path)
        try spool.append(Array("longer".utf8), to: .stdout)
        let usesFile = spool.usesFile
        #expect(usesFile)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).isEmpty)
        // Read after the directory is gone: nothing but the descriptor is needed.
        try FileManager.default.removeItem(at: directory)
        #expect(try bytes(of: spool.finish(), .stdout) == Array("longer".utf8))
    }

    @Test("A full disk is an error, and nothing that came before is lost")
    func fullDisk() throws {
        var spool = Self.fullSpool(threshold: 12)
        try spool.append(Array("kept".utf8), to: .stdout)
        let error = #expect(throws: OutputError.self) { try spool.append(Array(" too".utf8), to: .stderr) }
        #expect(error == .temporaryFile(.write, directory: "/dev", errno: ENOSPC))
        #expect(
            error?.description
                == "cannot write a temporary file for large output in '/dev': "
                + "No space left on device (set TMPDIR to a directory with more space)"
        )
        #expect(throws: OutputError.temporaryFile(.write, directory: "/dev", errno: ENOSPC)) {
            try spool.append(Array("refused".utf8), to: .stdout)
        }

        let output = spool.finish()
        #expect(output.failure == error)
        #expect(try Self.transcript(output) == ["stdout kept", "stderr  too"])
    }

    @Test("A file that breaks off is an error")
    func shortFile() throws {
        let descriptor = open("/dev/null", O_RDWR | O_CLOEXEC)
        let file = SpoolFile(takingOwnershipOf: descriptor, directory: "/dev")
        let error = #expect(throws: OutputError.self) { try file.read(at: 0, count: 10) }
        #expect(error?.description == "cannot read a temporary file for large output in '/dev': Input/output error")
    }

    @Test(
        "A report with lost output is never a success",
        arguments: [
            (.exited(0), "failed", "output_incomplete"),
            (.signaled(9), "failed", "output_incomplete"),
            (.timedOut, "timed out", "timeout"),
            (.interrupted, "interrupted", "interrupted"),
            (.failed(FailureReport(code: "x", message: "y")), "failed", "x"),
            (.unreachable(FailureReport(code: "x", message: "y", hop: "h")), "unreachable at h", "x"),
        ] as [(RunOutcome, String, String)]
    )
    func lostOutput(outcome: RunOutcome, summary: String, code: String) throws {
        var spool = Self.fullSpool(threshold: 0)
        #expect(throws: OutputError.self) { try spool.append([1], to: .stdout) }
        let report = TargetReport(target: "a", outcome: outcome, durationMilliseconds: 1, output: spool.finish())
        #expect(report.outcome.summary == summary)
        #expect(report.failure?.code == code)
        #expect(report.failure?.message.contains("No space left on device") == true)
        #expect(report.failure?.message.contains("the output is incomplete") == true)

        let text = try show([.finished(report)], with: GroupedRenderer()).stderr
        #expect(text.contains("No space left on device"))
    }

    @Test("Hash and equality look at bytes, not at pieces or the order of the streams")
    func equality() throws {
        let whole = try captured((.stdout, "hello"), (.stderr, "oh"))
        let pieces = try captured((.stderr, "o"), (.stdout, "hel"), (.stderr, "h"), (.stdout, "lo"), threshold: 3)
        let other = try captured((.stdout, "hellp"), (.stderr, "oh"))
        let swapped = try captured((.stdout, "oh"), (.stderr, "hello"))
        let empty = CapturedOutput()
        for stream in OutputStreamKind.allCases {
            #expect(try whole.hash(of: stream) == pieces.hash(of: stream))
        }
        #expect(try whole.hash(of: .stdout) != other.hash(of: .stdout))
        // The published test values of FNV-1a.
        #expect(try empty.hash(of: .stdout) == 0xcbf2_9ce4_8422_2325)
        #expect(try captured((.stdout, "foobar")).hash(of: .stdout) == 0x8594_4171_f739_67e8)
        #expect(try whole.hasSameBytes(as: pieces))
        #expect(try pieces.hasSameBytes(as: whole))
        for different in [other, swapped, empty] {
            #expect(try !whole.hasSameBytes(as: different))
        }
        #expect(try empty.hasSameBytes(as: CapturedOutput()))
        #expect(empty.isEmpty)
    }

    @Test(
        "UTF-8 is told from other bytes, also in pieces",
        arguments: [
            ([], true), ([0x61], true), ([0xe2, 0x82, 0xac], true), ([0xe2, 0x82], false), ([0xff], false),
            ([0x61, 0xc3, 0x61], false), ([0xed, 0xa0, 0x80], false),
        ] as [([UInt8], Bool)]
    )
    func utf8(input: [UInt8], isText: Bool) throws {
        var spool = OutputSpool(threshold: 9)
        for byte in input {
            try spool.append([byte], to: .stdout)
            try spool.append([0xff], to: .stderr)
        }
        #expect(try spool.finish().isUTF8(.stdout) == isText)
    }

    @Test("The directory is that of the environment")
    func directory() {
        #expect(OutputSpool.temporaryDirectory() == ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp")
    }
}
