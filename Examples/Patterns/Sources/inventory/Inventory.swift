import Mitogen

/// What is known of a host.
struct Facts: RemoteFunction {
    struct Host: Codable, Sendable {
        var system: String
        var contextID: ContextID
    }

    func run(in context: ExternalContext) async throws -> Host {
        let system = try await context.run(["uname", "-s"], throwsOnFailure: true).outputText
        return Host(system: String(system.prefix { $0 != "\n" }), contextID: context.contextID)
    }
}

/// `inventory TARGET…`: asks all hosts at the same time, each within its limits, and prints the answers in order.
@main
struct Inventory: MitogenProgram {
    static func main(router: Router) async throws {
        var targets: [ConnectionTarget] = []
        for text in CommandLine.arguments.dropFirst() { targets.append(try ConnectionTarget(text)) }
        let lines = await withTaskGroup(of: (Int, String).self) { group in
            for (position, target) in targets.enumerated() {
                group.addTask { (position, await line(for: target, router)) }
            }
            return await group.reduce(into: [Int: String]()) { $0[$1.0] = $1.1 }
        }
        for position in targets.indices { print(lines[position] ?? "") }
    }

    private static func line(for target: ConnectionTarget, _ router: Router) async -> String {
        do throws(MitogenError) {
            let host = try await router.connect(target) { _, options in options.connectTimeout = .seconds(10) }
            let facts = try await host.call(Facts(), timeout: .seconds(10))
            return "\(target): \(facts.system), called as \(host.name)"
        } catch {
            return "\(target): \(error.code)"
        }
    }
}
