//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenProtocol

/// The fixture as a master most of whose children mean harm, all at the same time, each in its own way: tells how the one
/// that does not was served, and what memory it all took.
enum Besieged {
    static func run(_ router: Router) async throws {
        try Mitogen.bootstrapLogging(path: "/dev/null")
        let honest = try await router.local()
        for number in 0..<200 { _ = try await honest.call(Add(number, 1)) }
        func child(_ behaviour: String) async throws -> Context {
            try await router.local { $0.executable = [CommandLine.arguments[0], "raw-child", behaviour] }
        }
        let floods = ["own-handles", "undeliverable", "halves", "endings", "logs", "unread-answers", "routes"]
        var flooders: [Context] = []
        for kind in floods { flooders.append(try await child("flood-\(kind)")) }
        let (credit, output) = (try await child("command-credit"), try await child("command-output"))
        let (nones, deaf) = (try await child("answer-nones"), try await child("deaf"))
        for flooder in flooders { try flooder.send(Message(handle: 1)) }
        // Unstructured, because none of them has to end: the router's end ends them.
        let attacks = [
            Task { await feed(credit) }, Task { await listen(to: output) }, Task { await ask(nones) },
            Task { await callAndGiveUp(deaf) },
        ]
        try await measure(honest)
        for attack in attacks { attack.cancel() }
    }

    private static func feed(_ context: Context) async {
        _ = try? await context.run(["true"], stdin: .bytes([1]), timeout: .seconds(5))
    }

    private static func listen(to context: Context) async {
        // Slower than it comes. A program that collects it all has set the limit for that itself.
        _ = try? await context.run(["yes"], timeout: .seconds(5)) { _ in
            try? await Task.sleep(for: .milliseconds(100))
            return true
        }
    }

    private static func ask(_ context: Context) async {
        _ = try? await context.call(Add(1, 2), timeout: .seconds(5))
    }

    private static func callAndGiveUp(_ context: Context) async {
        let block = [UInt8](repeating: 1, count: 8000)
        for _ in 0..<1000 { _ = try? context.startCall(CountBytes(block), timeout: .milliseconds(500)) }
    }

    private static func measure(_ honest: Context) async throws {
        var times: [Duration] = []
        var most = 0
        let end = ContinuousClock.now + .seconds(8)
        while ContinuousClock.now < end {
            let start = ContinuousClock.now
            _ = try await honest.call(Add(times.count, 1))
            times.append(ContinuousClock.now - start)
            most = max(most, Withstand.residentKilobytes)
            // As programs do that have something else to do, too.
            try await Task.sleep(for: .milliseconds(2))
        }
        times.sort()
        FixtureMaster.say("calls \(times.count)")
        FixtureMaster.say("median-us \(Int(times[times.count / 2] / .microseconds(1)))")
        FixtureMaster.say("p99-us \(Int(times[times.count * 99 / 100] / .microseconds(1)))")
        FixtureMaster.say("resident-kb \(most)")
    }
}
