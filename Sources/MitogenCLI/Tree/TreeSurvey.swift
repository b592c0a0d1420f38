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
                let branches = await self.follow(self.targets.map { $0.hops[...] }, from: nil, at: [], connections)
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
    private func follow(
        _ ways: [ArraySlice<Hop>],
        from context: Context?,
        at path: [Hop],
        _ connections: TargetConnections
    ) async -> [TreeNode] {
        var next: [(hop: Hop, ways: [ArraySlice<Hop>])] = []
        for way in ways {
            guard let hop = way.first else { continue }
            if let index = next.firstIndex(where: { $0.hop == hop }) {
                next[index].ways.append(way.dropFirst())
            } else {
                next.append((hop, [way.dropFirst()]))
            }
        }
        return await withTaskGroup(of: (index: Int, node: TreeNode).self) { group in
            for (index, branch) in next.enumerated() {
                group.addTask {
                    (index, await self.node(for: branch.hop, branch.ways, from: context, at: path, connections))
                }
            }
            var nodes: [Int: TreeNode] = [:]
            for await result in group { nodes[result.index] = result.node }
            return next.indices.compactMap { nodes[$0] }
        }
    }

    private func node(
        for hop: Hop,
        _ ways: [ArraySlice<Hop>],
        from context: Context?,
        at path: [Hop],
        _ connections: TargetConnections
    ) async -> TreeNode {
        let before = path
        let path = path + [hop]
        var node = TreeNode(hop: hop, target: path.map(\.canonicalText).joined(separator: "+"))
        node.parentID = context?.id ?? 0
        do throws(MitogenError) {
            let made = try await connections.connect(hop, behind: before, via: context)
            node.id = made.id
            node.name = made.name
            // First what lies behind: the calls are measured when no connection is being made on the same way.
            node.branches = await self.follow(ways, from: made, at: path, connections)
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
