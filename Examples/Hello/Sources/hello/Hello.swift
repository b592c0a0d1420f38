import Mitogen

/// A function that runs elsewhere: its properties are the arguments.
struct Greet: RemoteFunction {
    var name: String

    func run(in context: ExternalContext) async throws -> String {
        "Hello, \(name)! This is context \(context.contextID)."
    }
}

@main
struct Hello: MitogenProgram {
    static func main(router: Router) async throws {
        let child = try await router.local()
        print(try await child.call(Greet(name: "world")))
    }
}
