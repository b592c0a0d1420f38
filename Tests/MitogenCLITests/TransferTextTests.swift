//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenCLI
internal import Testing

@Suite("What is told of a transfer")
struct TransferTextTests {
    @Test(
        "Bytes have three digits at most",
        arguments: [
            (0, "0 bytes"), (1, "1 byte"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (10_240, "10 KiB"),
            (1_048_575, "1.0 MiB"),
            (5 << 20, "5.0 MiB"), (430 << 20, "430 MiB"), (1 << 30, "1.0 GiB"), (Int.max, "8.0 EiB"),
        ]
    )
    func bytes(count: Int, text: String) {
        #expect(TransferText.bytes(count) == text)
    }

    @Test("The line tells how far it is, how fast, how long it will take, and how many targets are done")
    func line() {
        var counts = TransferText.Counts()
        counts.targets = 3
        #expect(TransferText.line(counts, rate: nil, at: .seconds(2)) == "connecting to 3 targets — 2.0 s")
        counts.connected = 3
        counts.bytes = 25 << 20
        #expect(TransferText.line(counts, rate: nil, at: .seconds(2)) == "25 MiB, 0/3 targets done")
        counts.totalBytes = 100 << 20
        counts.done = 1
        counts.failed = 1
        let expected = "25 MiB of 100 MiB (25 %), 5.0 MiB/s, 15.0 s left, 1/3 targets done, 1 failed"
        #expect(TransferText.line(counts, rate: 5 * 1_048_576, at: .seconds(2)) == expected)
        #expect(TransferText.line(counts, rate: 0, at: .seconds(2)).contains("0 bytes/s, 1/3"))
    }

    @Test("The rate is that of the last seconds")
    func rate() {
        var rate = TransferRate()
        #expect(rate.bytesPerSecond == nil)
        for second in 0...20 { rate.note(bytes: second < 10 ? second * 1000 : 10_000, at: .seconds(second)) }
        #expect(rate.bytesPerSecond == 0)
        rate.note(bytes: 20_000, at: .seconds(21))
        #expect(rate.bytesPerSecond == 2000)
    }

    @Test("A summary names files, bytes, time and rate")
    func summary() {
        let text = TransferText.summary(entries: 2, bytes: 10 << 20, targets: 3, elapsed: .seconds(2))
        #expect(text == "2 files, 10 MiB in 2.0 s (5.0 MiB/s), to each of 3 targets")
    }
}
