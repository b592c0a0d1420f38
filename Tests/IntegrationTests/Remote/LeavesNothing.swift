//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// After each test of a suite nothing is left of it: no process here or in the accounts of the test bed, no descriptor,
/// no pseudo-terminal and no temporary file.
struct LeavesNothing: SuiteTrait, TestTrait, TestScoping {
    /// What ends by itself has so much time for it.
    var limit = Duration.seconds(10)

    var isRecursive: Bool { true }

    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        let before = Leftovers.now
        let debugFiles = Leftovers.debugFiles
        defer { for name in Leftovers.debugFiles.subtracting(debugFiles) { unlink("/tmp/\(name)") } }
        do {
            try await function()
        } catch {
            try await check(before)
            throw error
        }
        try await check(before)
    }

    private func check(_ before: Set<String>) async throws {
        let left = try await leftovers(since: before)
        #expect(left.isEmpty, "this is left of the test: \(left)")
    }

    /// Waits until nothing is there that was not there before, and tells what is there still.
    func leftovers(since before: Set<String>) async throws -> [String] {
        var left: Set<String> = []
        _ = try await eventually(within: limit) {
            left = Leftovers.now.subtracting(before)
            return left.isEmpty
        }
        return left.sorted()
    }
}

extension Trait where Self == LeavesNothing {
    /// Checks after each test that nothing is left of it.
    static var leavesNothing: Self { LeavesNothing() }
}

/// What tests could leave behind, each thing with a text of its own.
enum Leftovers {
    static var now: Set<String> { Set(descriptors + children + contexts + temporaryFiles) }

    /// Sockets and pipes have numbers that are theirs alone; of what else looks alike the second one is told from the
    /// first. Three descriptors of timers are libdispatch's, one for each clock, which it makes when it likes.
    private static var descriptors: [String] {
        var counts = ["anon_inode:[timerfd]": -3]
        return Files.names(in: "/proc/self/fd").compactMap { number in
            var buffer = [CChar](repeating: 0, count: 4096)
            guard readlink("/proc/self/fd/\(number)", &buffer, buffer.count - 1) > 0 else { return nil }
            let target = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            guard target != "/proc/\(selfPID)/fd", !target.contains("/task/") else { return nil }
            counts[target, default: 0] += 1
            return counts[target].flatMap { $0 > 0 ? "descriptor of \(target), number \($0)" : nil }
        }
    }

    private static var children: [String] {
        Processes.children(of: selfPID).map { "child \($0), \(Processes.name(of: $0))" }
    }

    /// Processes that are called as contexts or are about to become such. The name ends with the process id of the
    /// starter, so that those of other programs, which are nobody's business here, can be told.
    private static var contexts: [String] {
        Processes.all.compactMap { pid in
            guard let arguments = Files.bytes("/proc/\(pid)/cmdline"), let starter = starter(in: arguments),
                starter == selfPID || !Processes.isRunning(starter)
            else { return nil }
            return "process \(pid), \(String(decoding: arguments.suffix(200), as: UTF8.self))"
        }
    }

    private static func starter(in arguments: [UInt8]) -> Int32? {
        let text = String(decoding: arguments.map { $0 == 0 ? 32 : $0 }, as: UTF8.self)
        guard text.utf8.count > 8, let name = text.split(separator: "mitogen:", omittingEmptySubsequences: false).last,
            name.utf8.count < text.utf8.count
        else { return nil }
        let word = name.prefix { $0 != " " && $0 != "\"" && $0 != "'" }
        return word.split(separator: ":").last.flatMap { Int32($0) }
    }

    private static var temporaryFiles: [String] {
        let homes = (try? Testbed.fact("TESTBED")).map { "\($0)/home" } ?? "/home"
        let accounts = Files.names(in: homes).map { "\(homes)/\($0)" } + ["/root"]
        let folders = ["/tmp", "/var/tmp", "/run", "/dev/shm", "/dev"] + accounts
        return (folders + accounts.map { "\($0)/.cache/mitogen" }).flatMap { folder in
            Files.names(in: folder).filter { name in
                name.hasPrefix(".mitogen-") || name.hasPrefix("mitogen.") && !name.hasSuffix(".log")
            }
            .map { "file \(folder)/\($0)" }
        }
    }

    /// What contexts write that were asked for debugging: it is meant to stay.
    static var debugFiles: Set<String> {
        Set(Files.names(in: "/tmp").filter { $0.hasPrefix("mitogen.") && $0.hasSuffix(".log") })
    }
}

@Suite("The check for what tests leave behind", .leavesNothing, .serialized)
struct LeavesNothingTests {
    @Test("It finds descriptors, processes, those of other accounts too, and files")
    func findings() async throws {
        let before = Leftovers.now
        let check = LeavesNothing(limit: .milliseconds(50))
        let file = "/tmp/.mitogen-check-\(selfPID)"
        try Files.write([], to: file)
        #expect(try await check.leftovers(since: before) == ["file \(file)"])
        unlink(file)
        var ends: [Int32] = [0, 0]
        #expect(cmitogen_pipe(&ends, false) == 0)
        #expect(try await check.leftovers(since: before).count { $0.hasPrefix("descriptor of pipe:") } == 2)
        for end in ends { close(end) }
        // A context whose starter is dead may be of this test; one whose starter runs belongs to another program.
        for (starter, count) in [(Int32.max, 2), (selfPID, 2), (1, 1)] {
            let helper = try HelperProcess(["sh", "-c", "kill -STOP $$", "sh", "mitogen:check:\(starter)"])
            #expect(try await check.leftovers(since: before).count { $0.contains(" \(helper.pid), ") } == count)
        }
        #expect(try await LeavesNothing().leftovers(since: before) == [])
    }
}
