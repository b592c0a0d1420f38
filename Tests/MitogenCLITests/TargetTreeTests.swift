//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Mitogen
import Testing

@testable import MitogenCLI

@Suite("Targets with common hops")
struct TargetTreeTests {
    @Test("Equal beginnings are one branch")
    func sharing() throws {
        let texts = ["local+local:a", "local", "local+local:b", "local:x", "local", "local+local:a+local"]
        let tree = TargetTree(try texts.map { try TargetSpecification(parsing: $0) })
        #expect(tree.hop == nil && tree.targets.isEmpty)
        #expect(tree.branches.map(\.hop?.canonicalText) == ["local", "local:x"])
        let local = tree.branches[0]
        #expect(local.targets == [1, 4])
        #expect(local.branches.map(\.hop?.canonicalText) == ["local:a", "local:b"])
        #expect(local.branches[0].targets == [0])
        #expect(local.branches[0].branches.map(\.targets) == [[5]])
        #expect(local.allTargets.sorted() == [0, 1, 2, 4, 5])
        #expect(tree.allTargets.sorted() == Array(texts.indices))
    }

    @Test("An error becomes what is told about the targets behind a hop")
    func failures() {
        let hop = Hop(kind: "local", argument: "b")
        let error = MitogenError(.spawnError, "no", diagnostics: ["last words"], hint: "try again")
        let report = FailureReport(
            code: "spawnError",
            message: "no\nlast lines received:\n  last words\nhint: try again",
            hop: "local:b"
        )
        #expect(RunOutcome(failure: error, of: hop) == .unreachable(report))
        #expect(RunOutcome(failure: MitogenError(.connectionCancelled, ""), of: hop) == .interrupted)
        #expect(RunOutcome(failure: MitogenError(.cancelled, "")) == .interrupted)
        let lost = RunOutcome(failure: MitogenError(.channelError, "gone"))
        #expect(lost == .failed(FailureReport(code: "channelError", message: "gone")))
    }
}
