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

/// The real servers and accounts of `Tests/Testbed/setup`.
enum Testbed {
    /// What the set-up has noted about them; nil if it has not run.
    private static let facts: [String: String]? = {
        let directory = getenv("TESTBED").map { String(cString: $0) } ?? "/tmp/testbed"
        guard let file = fopen("\(directory)/env", "re") else { return nil }
        defer { fclose(file) }
        var facts: [String: String] = [:]
        var line = [CChar](repeating: 0, count: 4096)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = String(
                decoding: line.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) },
                as: UTF8.self
            )
            guard let equals = text.firstIndex(of: "=") else { continue }
            facts[String(text[..<equals])] = String(text[text.index(after: equals)...])
        }
        return facts
    }()

    /// Whether the ssh server answers, so that its tests can run.
    static let isUp: Bool = facts?["TB_SSH_CONFIG"].map { access($0, R_OK) == 0 } ?? false

    static func fact(_ name: String) throws -> String {
        try #require(facts?[name], "the test bed has no \(name): run Tests/Testbed/setup ssh sudo su doas")
    }

    /// Whether there is a slow link, between two network namespaces.
    static let hasWAN: Bool = isUp && facts?["TB_WAN_HOST"] != nil && access("/run/netns/tb-near", F_OK) == 0

    static var sshConfig: String {
        get throws { try fact("TB_SSH_CONFIG") }
    }

    /// The password of an account: all have the same secret behind their names.
    static func password(of account: String) throws -> Secret {
        let known = try fact("TB_SSH_PASSWORD")
        let secret = known.dropFirst("tb-bash-".count)
        return Secret("\(account)-\(secret)")
    }
}

extension Trait where Self == ConditionTrait {
    /// Skips where the test bed's servers are not up.
    static var needsTestbed: Self {
        .enabled(if: Testbed.isUp, "the test bed is not up: Tests/Testbed/setup ssh sudo su doas, as root")
    }
}

extension Router {
    /// A context on one of the hosts of the test bed's ssh configuration.
    func testbed(
        _ host: String,
        via: Context? = nil,
        _ configure: (inout ConnectionMethod.SSHOptions) -> Void = { _ in }
    ) async throws -> Context {
        let config = try Testbed.sshConfig
        return try await ssh(host, via: via) { options in
            options.configFile = config
            configure(&options)
        }
    }
}

extension Context {
    /// The name of the user that the context runs as.
    func userName() async throws -> String {
        let result = try await run(["id", "-un"])
        return String(result.outputText.prefix { $0 != "\n" })
    }
}
