//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Testing

/// The processes on the far side of a connection: all accounts of the test bed are on this machine. They are found by a
/// variable in their environment, which every process there inherits.
struct FarProcesses: Sendable {
    private let mark: String

    /// Nothing else on this machine has this mark.
    init() {
        mark = "MITOGEN_TEST_FAR=\(UInt64.random(in: 0 ... .max))"
    }

    /// A program that is used as ssh, and marks what it starts.
    ///
    /// - Parameters:
    ///   - directory: Where it is put.
    ///   - command: The command that it executes, in front of the arguments.
    func wrapper(in directory: String, for command: [String] = ["ssh"]) throws -> String {
        let path = "\(directory)/ssh"
        // The command for the login shell is the last argument.
        let script = """
            #!/bin/sh
            n=$#
            for a do
                shift; n=$((n - 1))
                [ $n = 0 ] && a="export \(mark);$a"
                set -- "$@" "$a"
            done
            exec \(command.joined(separator: " ")) "$@"

            """
        try Files.write(Array(script.utf8), to: path)
        return path
    }

    /// Those that run.
    var running: [Int32] {
        Processes.all.filter { pid in
            guard Processes.user(of: pid) != 0, let variables = Files.bytes("/proc/\(pid)/environ") else {
                return false
            }
            return variables.split(separator: 0).contains { $0.elementsEqual(mark.utf8) } && Processes.isRunning(pid)
        }
    }

    /// Waits until there are so many.
    func waitForStart(count: Int = 1) async throws {
        let isThere = try await eventually(within: .seconds(20)) { running.count >= count }
        try #require(isThere, "there are not \(count) processes on the far side, but \(descriptions)")
    }

    private var descriptions: [String] {
        running.map { "\($0) \(Processes.name(of: $0)) \(Processes.state(of: $0) ?? "?")" }
    }

    /// The time that they have used, in hundredths of a second.
    var processorTime: Int { running.reduce(0) { $0 + Processes.processorTime(of: $1) } }

    /// Waits until none is left.
    ///
    /// - Returns: How long that took, and how much time they have used meanwhile as far as that was seen.
    func waitForEnd(within limit: Duration) async throws -> (duration: Duration, used: Int) {
        let before = processorTime
        var used = 0
        let start = ContinuousClock.now
        let isOver = try await eventually(within: limit) {
            let running = running
            used = max(used, running.reduce(0) { $0 + Processes.processorTime(of: $1) } - before)
            return running.isEmpty
        }
        #expect(isOver, "still there after \(limit): \(descriptions)")
        return (ContinuousClock.now - start, used)
    }
}

extension [UInt8] {
    /// Whether a text is somewhere in it.
    func contains(_ text: String) -> Bool {
        let wanted = Array(text.utf8)
        guard let first = wanted.first, count >= wanted.count else { return wanted.isEmpty }
        var rest = self[...]
        while let place = rest.firstIndex(of: first), place + wanted.count <= endIndex {
            if self[place..<place + wanted.count].elementsEqual(wanted) { return true }
            rest = self[(place + 1)...]
        }
        return false
    }
}
