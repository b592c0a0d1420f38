//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import Testing

/// `kernels` in `Examples/Patterns` is what `Mitogen.run` is for; `scripts/test` runs it.
@Suite("Programs with an entry point of their own")
struct RunTests {
    /// A synchronous function, as `Mitogen.run` is not for those that are asynchronous.
    private func runBesideMainThread() throws { try Mitogen.run { _ in } }

    @Test("Mitogen.run serves the main actor, so it is for the main thread only")
    func threads() async throws {
        let error = #expect(throws: MitogenError.self) { try runBesideMainThread() }
        #expect(error?.code == .misuse && error?.hint?.contains("withRouter") == true)
    }
}
