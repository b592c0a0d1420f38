//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// In which order and how carefully a run goes on from target to target.
package struct RunPlan: Hashable, Sendable {
    /// A number of targets, or a part of them.
    package enum Amount: Hashable, Sendable, CustomStringConvertible {
        case count(Int)
        case percent(Int)

        /// Parses `10` or `10%`.
        ///
        /// - Parameters:
        ///   - least: The smallest number that makes sense.
        ///   - option: The option that has it, for the message.
        init(parsing text: String, from least: Int, option: String) throws(ArgumentError) {
            let isPercent = text.last == "%"
            guard let number = Int(isPercent ? text.dropLast() : text[...]), number >= least,
                !isPercent || number <= 100
            else {
                throw ArgumentError(
                    "\(option) is a number of targets from \(least), or a part such as 10%, not "
                        + "'\(TerminalSanitizer.visible(text))'"
                )
            }
            self = isPercent ? .percent(number) : .count(number)
        }

        /// The amount as it is written.
        package var description: String {
            switch self {
            case .count(let count): "\(count)"
            case .percent(let percent): "\(percent)%"
            }
        }
    }

    /// Targets that are done before the next ones are begun.
    struct Batch: Hashable, Sendable {
        let targets: Range<Int>
        /// Whether the targets before are canaries, after which somebody has to agree.
        let followsCanaries: Bool
    }

    /// How many targets are a batch; nil if all are one.
    package var serial: Amount?
    /// How many targets go before all others; nil if none do.
    package var canaries: Int?
    /// From how many targets on somebody is asked before the run: from one more than this. Nil if nobody is asked.
    package var confirmsAbove: Int?
    /// Whether every question is answered with yes.
    package var isConfirmed = false
    /// How many targets may fail before no others are begun; nil if all may.
    package var allowedFailures: Amount?
    /// How often those that cannot be reached are tried again.
    package var retries = 0
    /// The time between the beginnings of two targets.
    package var stagger = Duration.zero

    package init() {}

    /// Whether targets wait for the end of others, for another reason than `--fanout`.
    var hasBatches: Bool { self.serial != nil || self.canaries != nil }

    /// The batches of so many targets, in order.
    func batches(of count: Int) -> [Batch] {
        var batches: [Batch] = []
        var start = 0
        if let canaries, canaries < count {
            batches.append(Batch(targets: 0..<canaries, followsCanaries: false))
            start = canaries
        }
        let size =
            switch self.serial {
            case nil: max(1, count)
            case .count(let size): size
            // A part of a target is one.
            case .percent(let percent): max(1, count * percent / 100)
            }
        while start < count {
            let end = min(count, start.saturatingSum(size))
            batches.append(Batch(targets: start..<end, followsCanaries: start == self.canaries))
            start = end
        }
        return batches
    }

    /// Whether so many failures of so many targets are too many for others to be begun.
    func isExceeded(by failures: Int, of count: Int) -> Bool {
        switch self.allowedFailures {
        case nil: false
        case .count(let allowed): failures > allowed
        case .percent(let percent): failures * 100 > percent * count
        }
    }
}
