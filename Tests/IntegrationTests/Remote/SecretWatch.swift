//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Testing

/// Looks for secrets in the arguments and environments of all processes, again and again.
actor SecretWatch {
    private let secrets: [String]
    /// Processes that were there before, with their start times: other programs on this machine.
    private let known: Set<[Int]>
    private var findings: Set<String> = []
    private(set) var rounds = 0

    private init(_ secrets: [String]) {
        self.secrets = secrets
        known = Set(Processes.all.map { [Int($0), Processes.startTime(of: $0) ?? 0] })
    }

    /// Watches while `body` runs, and fails if a secret is seen.
    static func watch<Result: Sendable>(
        _ secrets: [String],
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        let watch = SecretWatch(secrets)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while !Task.isCancelled {
                    await watch.look()
                    try? await Task.sleep(for: .milliseconds(2))
                }
            }
            let result = try await body()
            group.cancelAll()
            await watch.look()
            let (findings, rounds) = await (watch.findings, watch.rounds)
            #expect(findings.isEmpty, "\(findings.sorted())")
            #expect(rounds > 10)
            return result
        }
    }

    private func look() {
        rounds += 1
        for pid in Processes.all where !known.contains([Int(pid), Processes.startTime(of: pid) ?? 0]) {
            for (file, isHarmless) in [("cmdline", false), ("environ", true)] {
                guard let bytes = Files.bytes("/proc/\(pid)/\(file)"), !bytes.isEmpty else { continue }
                // The test bed's own facts are in the environment of whoever has read them there.
                let words = bytes.split(separator: 0).filter { !isHarmless || !$0.starts(with: Array("TB_".utf8)) }
                let text = Array(words.joined(separator: [10]))
                // `setup`'s own checks type passwords with sshpass.
                guard secrets.contains(where: text.contains), Processes.name(of: pid) != "sshpass" else { continue }
                findings.insert("\(file) of \(pid), \(Processes.name(of: pid))")
            }
        }
    }
}
