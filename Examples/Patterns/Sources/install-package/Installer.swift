import Mitogen

/// What is asked for: `install-package [--sudo] [--dry-run] PACKAGE TARGET…`, where a target is `local:NAME`,
/// `ssh:[USER@]HOST`, or whatever else a `ConnectionTarget` takes.
struct Request: Sendable {
    var function: InstallPackage
    var usesSudo: Bool
    var targets: [ConnectionTarget] = []

    init(_ arguments: some Sequence<String>) throws {
        let options = arguments.filter { $0.hasPrefix("-") }
        let names = arguments.filter { !$0.hasPrefix("-") }
        guard names.count > 1, options.allSatisfy({ ["--sudo", "--dry-run"].contains($0) }) else {
            throw Failure(description: "usage: install-package [--sudo] [--dry-run] PACKAGE TARGET…")
        }
        function = InstallPackage(package: names[0], isDryRun: options.contains("--dry-run"))
        usesSudo = options.contains("--sudo")
        for name in names.dropFirst() { targets.append(try ConnectionTarget(name)) }
    }

    /// Starts the context in which the package is to be installed.
    func connect(to target: ConnectionTarget, _ router: Router) async throws -> Context {
        let host = try await router.connect(target)
        return usesSudo ? try await router.sudo(via: host) : host
    }
}

/// Installs a package in many places, ten at a time, and says of each one how it went. The status is 1 if one has failed.
@main
struct Installer: MitogenProgram {
    static func main(router: Router) async throws {
        let request = try Request(CommandLine.arguments.dropFirst())
        let failures = await withTaskGroup(of: Bool.self) { group in
            var failures = 0
            for (position, target) in request.targets.enumerated() {
                if position >= 10, await group.next() == false { failures += 1 }
                group.addTask { await install(request, in: target, router) }
            }
            for await isDone in group where !isDone { failures += 1 }
            return failures
        }
        if failures > 0 {
            throw Failure(description: "failed in \(failures) of \(request.targets.count) places")
        }
    }

    private static func install(_ request: Request, in target: ConnectionTarget, _ router: Router) async -> Bool {
        do {
            let context = try await request.connect(to: target, router)
            print("\(target): \(try await context.call(request.function, timeout: .seconds(900)))")
            return true
        } catch {
            // What the function has thrown says enough; other errors have hints.
            let text = (error as? MitogenError)?.remote?.message ?? "\(error)"
            print("\(target): failed:", text.split(separator: "\n").joined(separator: "\n    "))
            return false
        }
    }
}
