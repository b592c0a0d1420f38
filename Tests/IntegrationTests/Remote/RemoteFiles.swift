//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFiles
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

@Suite("Files on other machines and accounts", .needsTestbed, .leavesNothing, .serialized, .timeLimit(.minutes(2)))
struct RemoteFiles {
    @Test("To two contexts behind a server: the link to it carries the file once, and the account owns the copy")
    func behindServer() async throws {
        try await withTemporaryDirectory { folder in
            let size = 4 << 20
            try TestFiles.make("\(folder)/a", size: size)
            chmod(folder, 0o755)
            mkdir("\(folder)/to", 0o777)
            chmod("\(folder)/to", 0o777)
            try await withFixtureRouter { router in
                let relay = Relay(in: folder)
                let option = try relay.proxyOption()
                let login = try await router.testbed("tb-bash") { $0.sshArguments = ["-o", option] }
                let (one, two) = (try await router.local(via: login), try await router.local(via: login))
                let before = relay.counts.sent
                let push = FilePush([ByteString("\(folder)/a")], to: ByteString("\(folder)/to/a"))
                let reports = try await push.run(on: [one, two])
                let sent = relay.counts.sent - before
                #expect(reports.allSatisfy { $0.isComplete && $0.failures.isEmpty }, "\(reports)")
                #expect(sent > size && sent < size + size / 8, "\(sent) bytes for \(size)")
                #expect(try TestFiles.digest("\(folder)/to/a") == TestFiles.digest("\(folder)/a"))
                #expect(try TestFiles.status("\(folder)/to/a").st_uid != 0)
                let refused = try await FilePush([ByteString("\(folder)/a")], to: "/root/a").run(on: [login])
                #expect(refused.first?.failures.map(\.code) == [.permissionDenied])
                #expect(refused.first?.failures.first?.context == "ssh.tb-bash")
            }
        }
    }
}
