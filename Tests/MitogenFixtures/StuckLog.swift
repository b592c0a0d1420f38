//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
internal import Mitogen

/// The fixture as a master whose log goes where nobody reads.
enum StuckLog {
    static func run(to path: String, _ router: Router) async throws {
        try Mitogen.bootstrapLogging(path: path, level: .debug, logsMessages: true)
        let talker = try await router.local()
        let other = try await router.local()
        let printing = try talker.startCall(PrintForever())
        _ = try talker.startCall(LogForever())
        try await Task.sleep(for: .seconds(1))
        for number in 0..<200 {
            guard try await other.call(Add(number, 1), timeout: .seconds(5)) == number + 1 else { return }
        }
        // Behind all that it has logged itself.
        guard try await talker.call(Add(1, 1), timeout: .seconds(25)) == 2 else { return }
        let start = ContinuousClock.now
        let code = await codeOfFailure(of: other)
        guard code == .timeoutError, ContinuousClock.now - start < .seconds(3) else {
            return FixtureMaster.say("the time limit was not kept: \(String(describing: code))")
        }
        printing.cancel()
        FixtureMaster.say("done")
    }

    private static func codeOfFailure(of context: Context) async -> MitogenError.Code? {
        do throws(MitogenError) {
            try await context.call(HangForever(), timeout: .milliseconds(500))
            return nil
        } catch {
            return error.code
        }
    }
}
