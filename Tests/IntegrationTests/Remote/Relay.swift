//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// The fixture as a link that is slow, that counts, and that can be cut (`LinkRelay`).
struct Relay {
    /// What has gone through so far.
    struct Counts: Sendable {
        /// How often something came back that was sent when, or after, what was sent before had arrived there.
        var roundTrips = 0
        var sent = 0
        var received = 0
    }

    private let files: String
    private let settings: [String]

    /// - Parameters:
    ///   - directory: Where the relay's files are.
    ///   - name: What they begin with.
    ///   - settings: What the fixture's `relay` takes, as `KEY=VALUE`.
    init(in directory: String, name: String = "relay", _ settings: String...) {
        files = "\(directory)/\(name)"
        self.settings = settings
    }

    private func command(_ command: [String]) throws -> [String] {
        [try Fixture.path, "relay", "files=\(files)"] + settings + ["--"] + command
    }

    /// What makes this ssh's way to the server of the test bed, encrypted as it is.
    func proxyOption(to server: [String]? = nil) throws -> String {
        let server = try server ?? ["busybox", "nc", Testbed.fact("TB_SSH_HOST"), Testbed.fact("TB_SSH_PORT")]
        return "ProxyCommand=\(try command(server).joined(separator: " "))"
    }

    /// The command that is used as ssh, with this between its standard streams and ssh's.
    var ssh: [String] {
        get throws { try command(["ssh"]) }
    }

    var counts: Counts {
        let numbers = (Files.text("\(files).count") ?? "").split { $0 == " " || $0 == "\n" }.compactMap { Int($0) }
        return numbers.count == 3 ? Counts(roundTrips: numbers[0], sent: numbers[1], received: numbers[2]) : Counts()
    }

    /// Whether it has come to where it is to be cut.
    var isReached: Bool { access("\(files).reached", F_OK) == 0 }

    func cut() throws {
        try Files.write([], to: "\(files).cut")
    }
}

/// Runs a command to its end.
@discardableResult
func run(_ arguments: String..., within limit: Duration = .seconds(30)) async throws -> (status: Int32, text: String) {
    let process = try HelperProcess(arguments)
    let status = try await process.waitForEnd(within: limit)
    return (status, process.lines.joined(separator: "\n"))
}
