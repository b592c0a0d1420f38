//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol
internal import Synchronization

/// The ``FlowBudget`` of a link, which the receivers of its flows share.
final class LinkBudget: Sendable {
    private let budget = Mutex(FlowBudget(size: LinkBudget.size))

    /// What flows of one link may have under way together, beyond ``Credit/first`` of each.
    private static let size = 16 << 20

    /// The part of the budget that one flow has; it goes back with the last reference to it.
    final class Share: Sendable {
        private let link: LinkBudget?
        private let extra = Mutex<Int?>(nil)

        /// - Parameter link: Nil for a flow that comes from this context itself.
        init(of link: LinkBudget?) {
            self.link = link
        }

        deinit {
            if let extra = extra.withLock({ $0 }) { link?.budget.withLock { $0.end(returning: extra) } }
        }

        /// How many bytes the flow may have under way from now on, of so many at least and so many at most.
        func adjust(_ range: ClosedRange<Int>) -> Int {
            guard let link else { return range.upperBound }
            let most = range.upperBound - range.lowerBound
            return extra.withLock { extra in
                let next = link.budget.withLock { budget in
                    extra.map { budget.adjust($0, upTo: most) } ?? budget.begin(upTo: most)
                }
                extra = next
                return range.lowerBound + next
            }
        }
    }
}
