//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFakeSSH
internal import MitogenFixtures
internal import Testing

@Suite("Errors of a fake ssh", .timeLimit(.minutes(1)))
struct FakeSSHErrorTests {
    @Test("An ssh tells an error in the words of whoever has started its program: the API's, or those of the tool")
    func words() async throws {
        try await withFixtureRouter { router in
            try await withTemporaryDirectory { directory in
                let child = try await router.local()
                try await child.shutdown(waits: true)
                let script: [ByteString] = ["sh", "-c", "ssh host true 2>said"]
                let place = ByteString(directory)
                let plain = try await FakeSSH.run(script, to: child, workingDirectory: place)
                #expect(plain == .exited(255))
                #expect(Files.text("\(directory)/said")?.hasPrefix("ssh: mitogen: ") == true)
                let told = try await FakeSSH.run(
                    script,
                    to: child,
                    environment: [:],
                    workingDirectory: place,
                    timeout: nil,
                    describing: { "it was \($0.code)" },
                    whenStarted: { _ in }
                )
                #expect(told == .exited(255))
                #expect(Files.text("\(directory)/said") == "ssh: mitogen: it was channelError\n")
            }
        }
    }
}
