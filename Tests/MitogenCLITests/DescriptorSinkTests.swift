//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import Glibc
import Testing

@testable import MitogenCLI

@Suite("Descriptor sink")
struct DescriptorSinkTests {
    /// Both ends of a pipe, closed at the end of the test.
    final class Pipe: Sendable {
        let reader: Int32
        let writer: Int32

        init() throws {
            var ends: [Int32] = [-1, -1]
            try #require(pipe(&ends) == 0)
            (self.reader, self.writer) = (ends[0], ends[1])
        }

        deinit {
            close(self.reader)
            close(self.writer)
        }
    }

    /// What comes out of a descriptor, `count` bytes of it.
    static func read(_ descriptor: Int32, count: Int) -> [UInt8] {
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while result.count < count {
            let length = Glibc.read(descriptor, &buffer, buffer.count)
            guard length > 0 else { break }
            result += buffer.prefix(length)
        }
        return result
    }

    @Test("Bytes go to the descriptor of their stream")
    func writes() throws {
        let (stdout, stderr) = (try Pipe(), try Pipe())
        var sink = DescriptorSink(stdout: stdout.writer, stderr: stderr.writer)
        #expect(!sink.streamsShareDestination)
        try sink.write("out", to: .stdout)
        try sink.write("", to: .stdout)
        try sink.write("error", to: .stderr)
        #expect(Self.read(stdout.reader, count: 3) == Array("out".utf8))
        #expect(Self.read(stderr.reader, count: 5) == Array("error".utf8))
        for stream in OutputStreamKind.allCases {
            #expect(!sink.isTerminal(stream))
            #expect(!sink.usesColor(stream))
        }
    }

    @Test("Descriptors of one file are recognized")
    func sameFile() throws {
        let pipe = try Pipe()
        let copy = dup(pipe.writer)
        defer { close(copy) }
        #expect(DescriptorSink(stdout: pipe.writer, stderr: copy).streamsShareDestination)
        #expect(!DescriptorSink(stdout: pipe.writer, stderr: -1).streamsShareDestination)
    }

    @Test("A full pipe is waited for", .timeLimit(.minutes(1)))
    func waits() async throws {
        let pipe = try Pipe()
        #expect(fcntl(pipe.writer, F_SETFL, O_NONBLOCK) == 0)
        let bytes = (0..<(1 << 20)).map { UInt8(truncatingIfNeeded: $0 ^ $0 >> 8) }
        let reader = Thread.detach(pipe.reader, count: bytes.count)
        var sink = DescriptorSink(stdout: pipe.writer, stderr: pipe.writer)
        try sink.write(bytes, to: .stdout)
        #expect(await reader.value == bytes)
    }

    @Test("A pipe without a reader and a full disk are errors")
    func errors() throws {
        DescriptorSink.ignoreBrokenPipeSignal()
        let unread = try Self.writerWithoutReader()
        let full = open("/dev/full", O_WRONLY | O_CLOEXEC)
        defer {
            close(unread)
            close(full)
        }
        var sink = DescriptorSink(stdout: unread, stderr: full)
        #expect(throws: OutputError.brokenPipe(.stdout)) { try sink.write("x", to: .stdout) }
        let error = #expect(throws: OutputError.self) { try sink.write("x", to: .stderr) }
        #expect(error == .writeFailed(.stderr, errno: ENOSPC))
        #expect(error?.description == "cannot write to stderr: No space left on device")
        #expect(OutputError.brokenPipe(.stdout).description == "nobody reads stdout any more")
    }

    @Test(
        "Colours need a terminal that wants them",
        arguments: [
            ([:], true), (["NO_COLOR": "1"], false), (["NO_COLOR": ""], true), (["TERM": "dumb"], false),
            (["TERM": "xterm"], true),
        ]
    )
    func colors(environment: [String: String], usesColor: Bool) throws {
        let master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        try #require(master >= 0)
        defer { close(master) }
        let sink = DescriptorSink(stdout: master, stderr: -1) { environment[$0] }
        #expect(sink.isTerminal(.stdout))
        #expect(sink.usesColor(.stdout) == usesColor)
        #expect(!sink.usesColor(.stderr))
    }

    private static func writerWithoutReader() throws -> Int32 {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        close(ends[0])
        return ends[1]
    }
}

extension Thread {
    /// Reads on a thread of its own, because the test's task blocks in its writes.
    fileprivate static func detach(_ descriptor: Int32, count: Int) -> Task<[UInt8], Never> {
        let stream = AsyncStream<[UInt8]> { continuation in
            Thread.detachNewThread {
                continuation.yield(DescriptorSinkTests.read(descriptor, count: count))
                continuation.finish()
            }
        }
        return Task { await stream.first { _ in true } ?? [] }
    }
}
