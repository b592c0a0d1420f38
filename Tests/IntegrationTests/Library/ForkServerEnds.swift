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

    @Test("A server that is given up takes no copy along that another attempt has", .timeLimit(.minutes(1)))
    func youngCopies() async throws {
        try await withFixtureRouter { router in
            _ = try await router.fork().shutdown(waits: true)
            let server = try #require(Self.servers.first)
            // While the Broker stands still, the copy gets no configuration, and so is in the server's group.
            let others = Set(Processes.children(of: selfPID))
            router.broker.schedule { usleep(1_000_000) }
            let fork = Task { try await router.fork() }
            var found: Int32?
            for _ in 0..<900 where found == nil {
                try await Task.sleep(for: .milliseconds(1))
                found = Processes.children(of: selfPID).first { !others.contains($0) }
            }
            let copy = try #require(found)
            kill(copy, SIGSTOP)
            #expect(getpgid(copy) == server)
            try await router.broker.submit {}
            kill(server, SIGSTOP)
            let error = try await failure { try await router.fork { $0.connectTimeout = .seconds(0.3) } }
            #expect(error.code == .timeoutError, "\(error)")
            #expect(try await Processes.stillRunning([server], after: .seconds(3)) == [])
            try await Task.sleep(for: .milliseconds(300))
            kill(copy, SIGCONT)
            #expect(try await fork.value.call(Add(1, 2)) == 3)
        }
    }

    @Test("What a preload function has started ends with a server that is given up", .timeLimit(.minutes(1)))
    func preloadedPrograms() async throws {
        try await withTemporaryDirectory { directory in
            try await withFixtureRouter { router in
                let file = "\(directory)/pid"
                let preload = HangBehindProgram(
                    "trap ': >\(directory)/asked' TERM; echo $$ >\(file).new; mv \(file).new \(file); "
                        + "while :; do sleep 1000; done"
                )
                let error = try await failure {
                    try await router.fork(preload: preload) { $0.connectTimeout = .seconds(1) }
                }
                #expect(error.code == .timeoutError, "\(error)")
                let text = try #require(Files.text(file))
                let pid = try #require(Int32(text.dropLast()))
                #expect(try await Processes.stillRunning([pid], after: .seconds(5)) == [])
                #expect(Files.text("\(directory)/asked") != nil)
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
