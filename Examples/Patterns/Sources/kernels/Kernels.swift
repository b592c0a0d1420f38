import ArgumentParser
import Mitogen

/// The release of a context's kernel.
struct KernelRelease: RemoteFunction {
    func run(in context: ExternalContext) async throws -> String {
        let output = try await context.run(["uname", "-r"]).checked().outputText
        return String(output.prefix { $0 != "\n" })
    }
}

/// `kernels [--timeout SECONDS] TARGET…`: a program that parses its arguments with swift-argument-parser.
struct Kernels: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Prints the releases of kernels.")

    @Option(help: "How long one target may take, in seconds.")
    var timeout = 10
    @Argument(help: "Where to ask: local, ssh:web1, ssh:web1+sudo …", transform: ConnectionTarget.init)
    var targets: [ConnectionTarget]

    func run() throws {
        let failures = try Mitogen.run { [self] router in
            var failures = 0
            for target in targets {
                do throws(MitogenError) {
                    let context = try await router.connect(target)
                    print("\(target): \(try await context.call(KernelRelease(), timeout: .seconds(timeout)))")
                } catch {
                    print("\(target): \(error)")
                    failures += 1
                }
            }
            return failures
        }
        if failures > 0 { throw ExitCode.failure }
    }
}

@main
enum Program {
    /// A context must become one before its arguments are parsed.
    static func main() {
        Mitogen.runChildIfRequested()
        Kernels.main()
    }
}
