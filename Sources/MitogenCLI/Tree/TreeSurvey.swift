//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Mitogen
internal import MitogenBenchFunctions

/// Connects to targets, all at once, and asks every context on the way what it is.
struct TreeSurvey: Sendable {
    let targets: [TargetSpecification]
    let hops: HopSettings
    /// The path of the program that is started as contexts.
    let image: String
    let usesHeld: Bool
    let writesJSON: Bool

    private static let calls: Int = 20

    /// Does it, and shows the tree.
    ///
    /// - Returns: The status to exit with.
    func perform() async -> Int32 {
        do {
            let root = try await TargetConnections.with(
                self.targets,
                self.hops,
                image: self.image,
                usesHeld: self.usesHeld
            ) { connections in
                let branches = await self.follow(self.targets, from: nil, behind: 0, connections)
                // Last, so that the memory that the connections take is counted.
                return TreeNode(root: .here, branches: branches)
            }
            var sink = DescriptorSink()
            try sink.write(self.writesJSON ? root.json : root.text, to: .stdout)
            return root.isComplete ? 0 : RunExitStatus.unreachable
        } catch OutputError.brokenPipe {
            return RunExitStatus.brokenPipe
        } catch {
            TargetConnections.complain(toolText(error))
            return RunExitStatus.failed
        }
    }

    /// Makes the next hops, each once, and all that follow them.
    ///
    /// - Parameters:
    ///   - targets: Those whose first `count` hops are the same, and were made.
    private func follow(
        _ targets: [TargetSpecification],
        from context: Context?,
        behind count: Int,
        _ connections: TargetConnections
    ) async -> [TreeNode] {
        var next: [[TargetSpecification]] = []
        for target in targets where target.hops.count > count {
            if let index = next.firstIndex(where: { $0[0].hops[count] == target.hops[count] }) {
                next[index].append(target)
            } else {
                next.append([target])
            }
        }
        return await withTaskGroup(of: (index: Int, node: TreeNode).self) { group in
            for (index, branch) in next.enumerated() {
                group.addTask {
                    (index, await self.node(for: branch, from: context, behind: count, connections))
                }
            }
            var nodes: [Int: TreeNode] = [:]
            for await result in group { nodes[result.index] = result.node }
            return next.indices.compactMap { nodes[$0] }
        }
    }

    private func node(
        for targets: [TargetSpecification],
        from context: Context?,
        behind count: Int,
        _ connections: TargetConnections
    ) async -> TreeNode {
        let before = Array(targets[0].hops[..<count])
        let hop = targets[0].hops[count]
        var node = TreeNode(targets: targets.map { $0.prefix(count + 1) })
        node.parentID = context?.id ?? 0
        do throws(MitogenError) {
            let made = try await connections.connect(hop, behind: before, via: context)
            node.id = made.id
            node.name = made.name
            // First what lies behind: the calls are measured when no connection is being made on the same way.
            node.branches = await self.follow(targets, from: made, behind: count + 1, connections)
            node.process = try await made.call(DescribeProcess())
            node.roundTrip = try await self.roundTrip(to: made)
        } catch {
            node.failure = error
        }
        return node
    }

    /// The median time of a call, in milliseconds.
    private func roundTrip(to context: Context) async throws(MitogenError) -> Double {
        var times: [Int64] = []
        for value in 0..<Self.calls {
            let start = monotonicNanoseconds()
            _ = try await context.call(BenchEcho(value))
            times.append(monotonicNanoseconds() - start)
        }
        return times.percentile(50) / 1000
    }
}
