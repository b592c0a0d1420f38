//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

// What is left when a fork server ends at the wrong moment.
extension LibraryTests.Forks {
    @Test("A server that dies when it has forked leaves no process, and nobody runs the fork function")
    func unknownCopy() async throws {
        try await withTemporaryDirectory { directory in
            try await withFixtureRouter { router in
                let before = Set(Processes.children(of: selfPID))
                let file = "\(directory)/file"
                let error = try await failure {
                    try await router.fork(preload: ForkTrouble(.losesConnection), onFork: MakeFile(file))
                }
                #expect(error.code == .spawnError && error.message.contains("the fork server has ended"), "\(error)")
                #expect(try await eventually { before.isSuperset(of: Processes.children(of: selfPID)) })
                #expect(access(file, F_OK) != 0)
            }
        }
    }

    @Test("A server that is killed at any moment leaves no process")
    func killedServers() async throws {
        let before = Set(Processes.children(of: selfPID))
        try await withFixtureRouter { router in
            for _ in 0..<40 {
                _ = try await router.fork().shutdown(waits: true)
                let server = try #require(Self.servers.first)
                let fork = Task { try await router.fork() }
                try await Task.sleep(for: .microseconds(.random(in: 0...3000)))
                kill(server, SIGKILL)
                switch await fork.result {
                case .success(let child): #expect(try await child.call(Add(1, 2)) == 3)
                case .failure(let error): #expect((error as? MitogenError)?.code == .spawnError, "\(error)")
                }
            }
        }
        #expect(try await eventually { before.isSuperset(of: Processes.children(of: selfPID)) })
    }
}
