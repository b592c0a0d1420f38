//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import Testing

/// What connections take of a link that is far from here, compared with ssh itself in the same run.
@Suite("Slow links", .needsTestbed, .leavesNothing, .serialized, .timeLimit(.minutes(2)))
struct SlowLinks {
    private struct Figures {
        var duration = Duration.seconds(1000)
        var counts = Relay.Counts(roundTrips: .max, sent: .max)

        mutating func note(_ duration: Duration, _ counts: Relay.Counts) {
            self.duration = min(self.duration, duration)
            self.counts.roundTrips = min(self.counts.roundTrips, counts.roundTrips)
            self.counts.sent = min(self.counts.sent, counts.sent)
        }
    }

    @Test(
        "With 50 ms in each direction, a cached image costs one round trip and at most 1.5 KB more than ssh host true"
    )
    func counted() async throws {
        try await compare(host: "tb-bash", delay: 50, roundTrip: .milliseconds(100), server: nil)
    }

    @Test("The same over a link between two network namespaces", .enabled(if: Testbed.hasWAN, "setup netns, as root"))
    func namespaces() async throws {
        let relay = try #require(Files.text("\(Testbed.fact("TESTBED"))/run/wan.command"))
        let delay = relay.split(separator: " ").compactMap { word in
            word.hasPrefix("delay_ms=") ? Int(word.dropFirst("delay_ms=".count).prefix { $0 != "\n" }) : nil
        }
        let server = ["ip", "netns", "exec", try Testbed.fact("TB_WAN_NEAR"), "busybox", "nc", "10.199.0.2", "22"]
        // The relay adds to the link's delay. What crosses on the link itself can look like one turn less, or more.
        let added = 30
        try await compare(
            host: Testbed.fact("TB_WAN_HOST"),
            delay: added,
            roundTrip: .milliseconds(2 * (added + (delay.last ?? 20))),
            server: server,
            slack: 1
        )
    }

    /// Several attempts, because other programs on the machine can disturb one.
    private func compare(
        host: String,
        delay: Int,
        roundTrip: Duration,
        server: [String]?,
        slack: Int = 0
    ) async throws {
        // The counts decide; that the time is theirs is only seen coarsely where other programs run besides.
        let most = roundTrip + .milliseconds(250)
        try await withTemporaryDirectory { directory in
            try await withFixtureRouter { router in
                let option = try Relay(in: directory, "delay_ms=0").proxyOption(to: server)
                _ = try await router.testbed(host) { $0.sshArguments = ["-o", option] }.shutdown(waits: true)
            }
            var plain = Figures()
            var connected = Figures()
            for attempt in 0..<6 {
                let isEnough = connected.duration - plain.duration <= most && connected.counts.roundTrips < .max
                if attempt > 1, isEnough, connected.counts.roundTrips <= plain.counts.roundTrips + 1 { break }
                let one = Relay(in: directory, name: "plain", "delay_ms=\(delay)")
                let option = try one.proxyOption(to: server)
                let config = try Testbed.sshConfig
                var status: Int32 = -1
                let time = try await duration {
                    status = try await run("ssh", "-F", config, "-o", option, host, "true").status
                }
                #expect(status == 0)
                plain.note(time, one.counts)
                let (otherTime, counts) = try await connect(to: host, delay: delay, server, directory)
                connected.note(otherTime, counts)
            }
            let more = connected.counts.sent - plain.counts.sent
            for (what, figures) in [("ssh true", plain), ("connection", connected)] {
                let (trips, sent) = (figures.counts.roundTrips, figures.counts.sent)
                print("\(host), \(what): \(figures.duration), \(trips) round trips, \(sent) bytes sent")
            }
            #expect(connected.counts.roundTrips <= plain.counts.roundTrips + 1 + slack)
            #expect(more <= 1500)
            #expect(connected.duration - plain.duration <= most)
        }
    }

    private func connect(
        to host: String,
        delay: Int,
        _ server: [String]?,
        _ directory: String
    ) async throws -> (Duration, Relay.Counts) {
        try await withFixtureRouter { router in
            let relay = Relay(in: directory, name: "connection", "delay_ms=\(delay)")
            let option = try relay.proxyOption(to: server)
            let start = ContinuousClock.now
            let context = try await router.testbed(host) { $0.sshArguments = ["-o", option] }
            let time = ContinuousClock.now - start
            let counts = relay.counts
            #expect(context.connection?.wasCached == true)
            #expect(try await context.call(Add(1, 2)) == 3)
            return (time, counts)
        }
    }
}
