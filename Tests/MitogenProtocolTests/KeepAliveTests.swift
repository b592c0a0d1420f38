//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol
import Testing

@Suite("Keep-alive")
struct KeepAliveTests {
    private func steps(_ keepAlive: inout KeepAlive, _ count: Int) -> [KeepAlive.Step] {
        (0..<count).map { _ in keepAlive.tick(received: 100, sent: 50, isBlocked: false) }
    }

    @Test("A silent peer is asked after the interval, again after each further one, and given up after the timeout")
    func silence() {
        var keepAlive = KeepAlive(interval: 15, timeout: 45)
        #expect(keepAlive.tick(received: 100, sent: 50, isBlocked: false) == .wait)
        #expect(
            steps(&keepAlive, 9) == [.wait, .wait, .ask, .wait, .wait, .ask, .wait, .wait, .close]
        )
    }

    @Test("A byte that comes begins the count anew")
    func sign() {
        var keepAlive = KeepAlive(interval: 15, timeout: 45)
        _ = steps(&keepAlive, 9)
        #expect(keepAlive.tick(received: 101, sent: 50, isBlocked: false) == .wait)
        #expect(keepAlive.tick(received: 101, sent: 50, isBlocked: false) == .wait)
        #expect(keepAlive.tick(received: 101, sent: 50, isBlocked: false) == .wait)
        #expect(keepAlive.tick(received: 101, sent: 50, isBlocked: false) == .ask)
    }

    @Test("What is written is a sign only while more waits: a kernel takes the first bytes for anyone")
    func sending() {
        var keepAlive = KeepAlive(interval: 15, timeout: 45)
        for number in 0..<100 {
            #expect(keepAlive.tick(received: 0, sent: number, isBlocked: true) == .wait || number == 0)
        }
        var other = KeepAlive(interval: 15, timeout: 45)
        var last = KeepAlive.Step.wait
        for number in 0..<9 { last = other.tick(received: 0, sent: number, isBlocked: false) }
        #expect(last == .close)
    }

    @Test("There is always time for an answer", arguments: [(15, 1), (1, 0.001), (10, 10), (1, -5), (1, 1e300)])
    func shortTimeouts(interval: Double, timeout: Double) {
        var keepAlive = KeepAlive(interval: interval, timeout: timeout)
        _ = keepAlive.tick(received: 1, sent: 0, isBlocked: false)
        #expect((0..<5).map { _ in keepAlive.tick(received: 1, sent: 0, isBlocked: false) }.contains(.ask))
    }
}
