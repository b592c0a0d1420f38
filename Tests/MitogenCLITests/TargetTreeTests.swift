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
    @Test("Equal beginnings are the same hops")
    func sharing() throws {
        let texts = ["local+local:a", "local", "local+local:b", "local:x", "local", "local+local:a+local"]
        let tree = TargetTree(try texts.map { try TargetSpecification(parsing: $0) })
        #expect(tree.nodes.map(\.hop.canonicalText) == ["local", "local:a", "local:b", "local:x", "local"])
        #expect(tree.nodes.map(\.parent) == [nil, 0, 0, nil, 1])
        #expect(tree.nodes.map(\.targetCount) == [5, 2, 1, 1, 1])
        #expect(tree.ends == [1, 0, 2, 3, 0, 4])
        #expect(texts.indices.map(tree.path) == [[0, 1], [0], [0, 2], [3], [0], [0, 1, 4]])
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
