//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Mitogen
import MitogenServices
import Testing

@testable import MitogenCLI

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

@Suite("What commands ask of the process that holds connections")
struct HoldSessionTests {
    /// The service of a holder in this process, which answers but does not end.
    private func withHolder(_ body: (AttachedTree) async throws -> Void) async throws {
        var template = Array("/tmp/mitogen-test-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let folder = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        defer { rmdir(folder) }
        try await withRouter(configuration: .ofTool) { router in
            try router.services(size: 10).add(HoldService(router: router))
            let listener = try UnixListener(router: router, path: "\(folder)/hold.sock")
            let attachment = try await Mitogen.connect(unixSocket: listener.path, configuration: .ofTool)
            do {
                try await body(attachment)
            } catch {
                Issue.record(error)
            }
            attachment.router.shutdown()
            await attachment.router.join()
            listener.close()
        }
    }

    @Test("A holder that says that it ends, and does not, is told with its process and what to try")
    func staying() async throws {
        try await withHolder { attachment in
            let error = try await #require(throws: MitogenError.self) {
                try await HoldSession.end(attachment, within: .milliseconds(200))
            }
            #expect(error.code == .timeoutError)
            let pid = getpid()
            #expect(error.message == "process \(pid), which holds connections, has not ended within 0.2 seconds")
            #expect(error.hint?.contains("kill -9 \(pid)") == true)
        }
    }
}
