//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import ArgumentParser

/// The options that say in which order targets are begun, and when no more are.
package struct CautionArguments: ParsableArguments {
    @Option(help: ArgumentHelp("Finish so many targets before the next ones are begun.", valueName: "N|P%"))
    package var serial: String?

    @Option(
        help: ArgumentHelp(
            "Run on the first N targets, and ask before the rest; with --yes the rest follows if they succeed.",
            valueName: "N"
        )
    )
    package var canary: String?

    @Option(help: ArgumentHelp("Ask before a run on more than N targets.", valueName: "N"))
    package var confirm: String?

    @Flag(name: [.customShort("y"), .customLong("yes")], help: "Answer all questions with yes.")
    package var isConfirmed = false

    @Flag(name: .customLong("fail-fast"), help: "Begin no more targets after the first failure.")
    package var failsFast = false

    @Option(
        name: .customLong("max-fail"),
        help: ArgumentHelp("Begin no more targets after more failures than that.", valueName: "N|P%")
    )
    package var maximumFailures: String?

    @Option(help: ArgumentHelp("Try again so often to reach a target.", valueName: "N"))
    package var retry: String?

    @Option(help: ArgumentHelp("Wait between the beginnings of two targets.", valueName: "SECONDS"))
    package var stagger: String?

    package init() {}

    /// What the options ask for.
    ///
    /// - Throws: ``ArgumentError``.
    func plan() throws(ArgumentError) -> RunPlan {
        var plan = RunPlan()
        if let serial { plan.serial = try RunPlan.Amount(parsing: serial, from: 1, option: "--serial") }
        plan.canaries = try Self.number(self.canary, "--canary", from: 1)
        plan.confirmsAbove = try Self.number(self.confirm, "--confirm", from: 0)
        plan.isConfirmed = self.isConfirmed
        if self.failsFast, self.maximumFailures != nil {
            throw ArgumentError("--fail-fast is --max-fail 0; give one of them")
        }
        if self.failsFast { plan.allowedFailures = .count(0) }
        if let maximumFailures {
            plan.allowedFailures = try RunPlan.Amount(parsing: maximumFailures, from: 0, option: "--max-fail")
        }
        plan.retries = try Self.number(self.retry, "--retry", from: 0, to: 1000) ?? 0
        if let stagger { plan.stagger = try TimeoutArgument(parsing: stagger, of: "--stagger").duration }
        return plan
    }

    private static func number(
        _ text: String?,
        _ option: String,
        from least: Int,
        to most: Int? = nil
    ) throws(ArgumentError) -> Int? {
        guard let text else { return nil }
        guard let number = Int(text), number >= least, number <= most ?? .max else {
            let range = most.map { "from \(least) to \($0)" } ?? "from \(least)"
            throw ArgumentError("\(option) is a number \(range), not '\(TerminalSanitizer.visible(text))'")
        }
        return number
    }
}
