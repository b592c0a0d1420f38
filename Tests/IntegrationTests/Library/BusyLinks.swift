//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Testing

@Suite("Busy links")
struct BusyLinks {
    @Test("300 busy streams on one link hold up no small call, take little memory and get equal shares")
    func streams() async throws {
        let helper = try HelperProcess.fixture("busy-link", "300", "5")
        #expect(try await helper.waitForEnd(within: .seconds(50)) == 0, "\(helper.lines)")
        func figure(_ name: String) throws -> Int {
            let line = helper.lines.first { $0.hasPrefix("\(name) ") }
            return try #require(line.flatMap { Int($0.dropFirst(name.count + 1)) }, "\(helper.lines)")
        }
        // A release build keeps 50 ms with 1,000 streams; a debug build takes about ten times as long for a value, and the
        // machine's processors are shared with whatever else runs.
        #expect(try figure("p99-us") < 500_000, "\(helper.lines)")
        #expect(try figure("grown-kb") < 64 << 10, "\(helper.lines)")
        #expect(try figure("child-grown-kb") < 64 << 10, "\(helper.lines)")
        // Nobody starves; with few values in so short a time the shares differ by chance.
        #expect(try figure("least-percent") >= 25, "\(helper.lines)")
    }
}
