//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import MitogenPickle
internal import MitogenProtocol
internal import MitogenPython
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension PythonTests {
    /// Modules over a slow link, which the fixture is (`LinkRelay`).
    @Suite("Modules")
    struct Modules {
        private static let delay = 50

        /// How often something came back so far, and how many bytes went there.
        private func counts(_ files: String) throws -> (trips: Int, sent: Int) {
            let words = String(decoding: try PythonFiles.bytes("\(files).count"), as: UTF8.self).split(separator: " ")
            return (try #require(Int(words[0])), try #require(Int(words[1])))
        }

        private func link(_ files: String, _ settings: String...) -> [String] {
            [FixtureProgram.path, "relay", "files=\(files)"] + settings + ["--", "python3"]
        }

        /// A package of 40 modules, each of which imports the next one.
        private func write(_ package: String) throws {
            try #require(mkdir(package, 0o755) == 0)
            for number in -1..<40 {
                let name = number < 0 ? "__init__" : "m\(number)"
                let file = try #require(fopen("\(package)/\(name).py", "w"))
                defer { fclose(file) }
                if number < 0 { continue }
                let rest = number < 39 ? "m\(number + 1).total()" : "0"
                if number < 39 { fputs("from large import m\(number + 1)\n\n\n", file) }
                fputs("def total():\n    return \(number) + \(rest)\n", file)
            }
        }

        @Test("A package of 40 modules takes few round trips, as those that a module imports come with it")
        func large() async throws {
            try await PythonFiles.withFolder { folder in
                try write("\(folder)/large")
                try await withPython(.current, { $0.searchPath.append(folder) }) { router in
                    let files = "\(folder)/relay"
                    let words = link(files, "delay_ms=\(Self.delay)")
                    let python = try await router.local { $0.runtime = .python(words: words) }
                    let _: Int = try await python.call(named: "os.getpid")
                    let start = ContinuousClock.now
                    let before = try counts(files)
                    let total: Int = try await python.call(named: "large.m0.total")
                    let (after, time) = (try counts(files), ContinuousClock.now - start)
                    #expect(total == 780)
                    let (trips, sent) = (after.trips - before.trips, after.sent - before.sent)
                    print("40 modules: \(trips) round trips, \(sent) bytes, \(time)")
                    // The call itself is one; the package, and its first module with all others, are two more.
                    #expect(trips <= 4)
                    let again: Int = try await python.call(named: "large.m39.total")
                    #expect(again == 39)
                    #expect(try counts(files).trips - after.trips <= 1)
                    _ = try await router.myself().run(["rm", "-r", "\(folder)/large"])
                }
                for name in ["count", "reached"] { unlink("\(folder)/relay.\(name)") }
            }
        }

        @Test(
            "What is done first in a context has the rest of the time that the connection may take, not as much again"
        )
        func oneDeadline() async throws {
            try await PythonFiles.withFolder { folder in
                try await withPython(.current) { router in
                    let files = "\(folder)/relay"
                    func connect(_ settings: [String]) async throws {
                        let words = [FixtureProgram.path, "relay", "files=\(files)"] + settings + ["--", "python3"]
                        let python = try await router.local { options in
                            options.name = "slow"
                            options.connectTimeout = .seconds(4)
                            options.runtime = .python(words: words, disablesSitePackages: settings.count > 1)
                        }
                        try await python.shutdown()
                    }
                    // How much goes there until it is connected; then the same without what comes after it.
                    let delay = "delay_ms=400"
                    let first = ContinuousClock.now
                    let python = try await router.local { options in
                        options.name = "slow"
                        options.runtime = .python(words: link(files, delay))
                    }
                    let connecting = ContinuousClock.now - first
                    let sent = try counts(files).sent
                    try await python.shutdown()
                    let start = ContinuousClock.now
                    let error = await #expect(throws: MitogenError.self) {
                        try await connect([delay, "pause_at=\(sent + 40)"])
                    }
                    let time = ContinuousClock.now - start
                    #expect(error?.code == .timeoutError, "\(String(describing: error))")
                    #expect(access("\(files).reached", F_OK) == 0)
                    #expect(error?.message.contains("disable_site_packages") == true, "\(String(describing: error))")
                    // As much again would take four seconds and what it takes to connect.
                    #expect(
                        time > .milliseconds(3900) && time < .seconds(4) + connecting * 0.75,
                        "\(time), \(connecting)"
                    )
                }
                for name in ["count", "reached"] { unlink("\(folder)/relay.\(name)") }
            }
        }
    }
}
