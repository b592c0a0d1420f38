//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// A step of ending a command: a signal to its process group, and how long the next step waits for it.
///
/// The steps are gone through until the command has ended. After the last one the process group gets KILL, and so does
/// what a command that has ended leaves in it.
///
/// ```swift
/// // A server that finishes its requests on QUIT, and not later than 30 s after that.
/// try await host.run(["nginx", "-g", "daemon off;"], teardown: [.send(SIGQUIT, wait: .seconds(30))])
/// ```
public struct TeardownStep: Sendable, Hashable {
    /// The number of the signal.
    public let signal: Int32
    /// How long the command may take to end before the next step.
    public let wait: Duration

    /// A signal by its number, such as `SIGUSR1` of Glibc.
    public static func send(_ signal: Int32, wait: Duration) -> TeardownStep {
        TeardownStep(signal: signal, wait: wait)
    }

    /// TERM.
    public static func terminate(wait: Duration) -> TeardownStep { send(15, wait: wait) }
    /// INT, as Ctrl-C.
    public static func interrupt(wait: Duration) -> TeardownStep { send(2, wait: wait) }
    /// HUP, as the end of a terminal.
    public static func hangUp(wait: Duration) -> TeardownStep { send(1, wait: wait) }
}

extension [TeardownStep] {
    /// How long it takes at most, up to KILL.
    var longest: Duration { reduce(.zero) { $0 + $1.wait } }

    /// - Throws: `.misuse` for what is no signal, and for times that are no times or too long for a clock.
    func checked() throws(MitogenError) -> [TeardownStep] {
        for step in self where !(1...64).contains(step.signal) {
            throw MitogenError(.misuse, "there is no signal \(step.signal)")
        }
        if contains(where: { $0.wait < .zero || $0.wait > .seconds(86_400) }) {
            throw MitogenError(
                .misuse,
                "a step of ending a command waits for less than nothing, or for more than a day"
            )
        }
        return self
    }
}
