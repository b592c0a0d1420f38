//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen

/// What the fixture program does when it is started as a master.
public enum FixtureMaster {
    public static func run() {
        Runner.main()
    }

    private enum Runner: MitogenProgram {
        static func main(router: Router) async throws {
            let child = try await router.local { $0.name = "first" }
            print(try await child.call(Add(1, 2)))
            let nested = try await router.local(via: child) { $0.name = "second" }
            print(try await nested.call(Add(3, 4)))
            print(nested.name ?? "unnamed", nested.id)
            let result = try await nested.run(["uname", "-a"])
            print(result.status, result.outputText)
        }
    }
}
