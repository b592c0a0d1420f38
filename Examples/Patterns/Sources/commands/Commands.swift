import Mitogen

/// Commands with input, with output as it comes, with a limit, and one that fails.
@main
struct Commands: MitogenProgram {
    static func main(router: Router) async throws {
        let host = try await router.local { $0.name = "host" }

        let sorted = try await host.run(["sort"], stdin: .string("pear\napple\n"), throwsOnFailure: true)
        print("sorted:", sorted.outputText.split(separator: "\n").joined(separator: " "))

        let script = "for i in 1 2 3; do echo line $i; sleep 0.1; done"
        try await host.withOutput(of: ["sh", "-c", script], throwsOnFailure: true) { output in
            for try await line in output.lines() { print("live:", line) }
        }

        let slow = try await host.run(["sleep", "1000"], timeout: .milliseconds(100))
        print("the time was over:", slow.hasTimedOut)

        do {
            _ = try await host.run(["sh", "-c", "echo no such thing >&2; exit 3"], throwsOnFailure: true)
        } catch  where error.code == .commandFailed {
            print("failed:", error.diagnostics.joined(separator: " "))
        }
    }
}
