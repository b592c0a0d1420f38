import Mitogen
import MitogenFakeSSH

struct Failure: Error, CustomStringConvertible {
    var description: String
}

/// `mirror-folder [TARGET] SOURCE DESTINATION` makes a folder of a target equal to one of this machine, with this
/// machine's rsync: its ssh leads over the connection that is there, into root's account. rsync has to be on both sides.
///
/// Without a target the folder is copied on this machine, by way of a context.
@main
struct MirrorFolder: MitogenProgram {
    static func main(router: Router) async throws {
        let arguments = CommandLine.arguments.dropFirst()
        guard let destination = arguments.last, let source = arguments.dropLast().last, arguments.count <= 3 else {
            throw Failure(description: "usage: mirror-folder [TARGET] SOURCE DESTINATION")
        }
        let context = try await connect(router, to: arguments.count == 3 ? arguments.first : nil)
        // Any name will do for the host.
        let status = try await FakeSSH.run(
            ["rsync", "-a", "--delete", "\(source)/", "target:\(destination)/"],
            to: context
        )
        guard status.isSuccess else { throw Failure(description: "rsync ended with \(status)") }
        print("\(destination) is what \(source) is")
    }

    private static func connect(_ router: Router, to target: String?) async throws -> Context {
        guard let target else { return try await router.local() }
        return try await router.sudo(via: try await router.ssh(target))
    }
}
