//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Fifty contexts, random work with all of them, and kills; the program that does it is the fixture as a master.
///
/// `MITOGEN_STRESS_SECONDS` is how long, 10 s by default; `MITOGEN_STRESS_SEED` repeats a run that has failed.
@Suite("Stress", .serialized, .timeLimit(.minutes(5)))
struct Stress {
    private static func setting(_ name: String) -> Int? {
        getenv("MITOGEN_STRESS_\(name)").flatMap { Int(String(cString: $0)) }
    }

    @Test("What was sent is what arrives, whoever is killed meanwhile, and nothing is left")
    func randomWork() async throws {
        let seconds = min(Self.setting("SECONDS") ?? 10, 200)
        let seed = Self.setting("SEED") ?? Int.random(in: 0...999_999)
        let helper = try HelperProcess.fixture("stress", "\(seconds)", "\(seed)")
        var lines: [String] = []
        // Its lines are read meanwhile, so that it never waits for that.
        let hasEnded = try await eventually(within: .seconds(seconds + 90)) {
            let status = helper.status
            lines = helper.lines
            return status != nil
        }
        let text = "seed \(seed)\n\(lines.joined(separator: "\n"))"
        #expect(hasEnded, "it has not come to its end: \(text)")
        #expect(helper.status == 0 && lines.last == "clean", "\(text)")
    }
}
