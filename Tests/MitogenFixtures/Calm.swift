//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

// The program of the article "Coming from the Python Mitogen", which `ArticleTests` compares, and runs as
// `mitogen-fixture calm`.

internal import Mitogen

struct Load: RemoteFunction {
    func run(in context: ExternalContext) async throws -> Double {
        let load = try await context.run(["cut", "-d", " ", "-f", "1", "/proc/loadavg"], throwsOnFailure: true)
        return Double(load.outputText.dropLast()) ?? 0
    }
}

struct Calm: MitogenProgram {
    static func main(router: Router) async throws {
        for host in ["web1", "web2"] {
            let account = try await router.connect([.ssh(host), .sudo()])
            if try await account.call(Load()) > 8 {
                _ = try await account.run(["systemctl", "stop", "indexer"], throwsOnFailure: true)
            }
        }
    }
}
