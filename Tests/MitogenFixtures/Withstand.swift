//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenProtocol
internal import Synchronization

/// The fixture as a master one of whose two children floods it: tells how the other one was served meanwhile, and what
/// memory it took.
enum Withstand {
    static func run(_ kind: String, _ router: Router) async throws {
        // Written, as programs do, but not kept.
        try Mitogen.bootstrapLogging(path: "/dev/null")
        let flooder = try await router.local { options in
            options.executable = [CommandLine.arguments[0], "raw-child", "flood-\(kind)"]
        }
        let honest = try await router.local()
        // Takes nothing of what comes.
        let receiver = try Receiver<[UInt8]>(router: router, at: 3000, bufferLimit: 1 << 20)
        defer { receiver.close() }
        let isDone = Atomic<Bool>(false)
        try router.addHandler(at: 2000) { _ in isDone.store(true, ordering: .relaxed) }
        let end = flooder.events
        // Unstructured, because the end may not come.
        let waiter = Task {
            for await case .disconnected in end { isDone.store(true, ordering: .relaxed) }
        }
        defer { waiter.cancel() }
        for number in 0..<200 { _ = try await honest.call(Add(number, 1)) }

        let before = residentKilobytes
        var most = before
        var times: [Duration] = []
        try flooder.send(Message(handle: 1))
        while !isDone.load(ordering: .relaxed) || times.count < 20 {
            let start = ContinuousClock.now
            guard try await honest.call(Add(times.count, 1)) == times.count + 1 else { return }
            times.append(ContinuousClock.now - start)
            most = max(most, residentKilobytes)
        }
        times.sort()
        FixtureMaster.say("calls \(times.count)")
        FixtureMaster.say("median-ms \(milliseconds(times[times.count / 2]))")
        FixtureMaster.say("slowest-ms \(milliseconds(times[times.count - 1]))")
        FixtureMaster.say("grown-kb \(most - before)")
        FixtureMaster.say("flooder \(router.context(id: flooder.id, creates: false) == nil ? "gone" : "there")")
    }

    private static func milliseconds(_ duration: Duration) -> Int { Int(duration / .milliseconds(1)) }

    /// What this process takes of the machine's memory.
    static var residentKilobytes: Int {
        let status = LeakCheck.content("/proc/self/status").split(separator: "\n")
        let line = status.first { $0.hasPrefix("VmRSS:") } ?? ""
        return line.split(separator: " ").compactMap { Int($0) }.first ?? 0
    }
}
