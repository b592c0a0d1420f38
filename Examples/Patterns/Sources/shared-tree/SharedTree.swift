import Mitogen

/// How often it was called in this context.
struct Count: RemoteFunction {
    @MainActor private static var calls = 0

    @MainActor
    func run(in context: ExternalContext) async throws -> Int {
        Self.calls += 1
        return Self.calls
    }
}

/// `shared-tree hold SOCKET` has a context and lets other programs use it; `shared-tree ask SOCKET` is such a program.
@main
struct SharedTree: MitogenProgram {
    static func main(router: Router) async throws {
        let arguments = CommandLine.arguments.dropFirst()
        guard arguments.count == 2, let path = arguments.last else {
            throw MitogenError(.misuse, "usage: shared-tree hold|ask SOCKET")
        }
        if arguments.first == "hold" { try await hold(router, path) } else { try await ask(path) }
    }

    private static func hold(_ router: Router, _ path: String) async throws {
        _ = try await router.local { $0.name = "counter" }
        let listener = try UnixListener(router: router, path: path)
        print("listening")
        // Until the first program that has come has gone again.
        for await event in router.events {
            if case .disconnected = event { break }
        }
        listener.close()
    }

    private static func ask(_ path: String) async throws {
        try await withRouter(unixSocket: path) { tree in
            for context in tree.contexts {
                let first = try await context.call(Count())
                let second = try await context.call(Count())
                print("\(context.name): \(first), \(second)")
            }
        }
    }
}
