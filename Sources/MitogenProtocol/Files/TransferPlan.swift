//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import MitogenPickle

/// Which contexts a transfer passes, so that it crosses each link once: a context with several behind it gets the data
/// and passes it on.
package struct TransferPlan: Sendable, Hashable {
    package var contextID: UInt32
    /// The number of the target that this context is; nil if it only passes the data on.
    package var target: Int?
    package var children: [TransferPlan] = []

    package init(contextID: UInt32, target: Int? = nil, children: [TransferPlan] = []) {
        self.contextID = contextID
        self.target = target
        self.children = children
    }

    /// The plans for the contexts that are reached directly.
    ///
    /// - Parameter paths: For each target the contexts that lead to it, from here outwards, itself last. A target that is
    ///   named twice counts once.
    package static func plans(for paths: [[UInt32]]) -> [TransferPlan] {
        plans(for: paths.enumerated().map { (target: $0.offset, path: $0.element[...]) })
    }

    private static func plans(for paths: [(target: Int, path: ArraySlice<UInt32>)]) -> [TransferPlan] {
        var order: [UInt32] = []
        var groups: [UInt32: [(target: Int, path: ArraySlice<UInt32>)]] = [:]
        for (target, path) in paths {
            guard let first = path.first else { continue }
            if groups[first] == nil { order.append(first) }
            groups[first, default: []].append((target, path.dropFirst()))
        }
        return order.flatMap { id -> [TransferPlan] in
            let group = groups[id] ?? []
            let target = group.first { $0.path.isEmpty }?.target
            let children = plans(for: group.filter { !$0.path.isEmpty })
            // What has one thing behind it has nothing to pass on: its router does that.
            if target == nil, children.count == 1 { return children }
            return [TransferPlan(contextID: id, target: target, children: children)]
        }
    }

    /// The numbers of all targets of the plan.
    package var targets: [Int] { (target.map { [$0] } ?? []) + children.flatMap(\.targets) }

    /// How many times the data is passed on, at most, before it is written.
    package var height: Int { children.map { $0.height + 1 }.max() ?? 0 }
}

extension TransferPlan: PickleValueConvertible {
    package var pickleValue: PickleValue {
        .tuple([
            .integer(contextID), target.map { .int($0) } ?? .none, .list(children.map(\.pickleValue)),
        ])
    }

    package init(pickleValue: PickleValue) throws(PickleError) {
        var fields = try PickleFields(pickleValue)
        contextID = try fields.number()
        if case .int(let target) = try fields.value() { self.target = target }
        for child in try fields.list() { children.append(try TransferPlan(pickleValue: child)) }
    }
}
