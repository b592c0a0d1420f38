import Mitogen
import MitogenFiles

/// Counts the bytes of a file where it is.
struct FileSize: RemoteFunction {
    var path: ByteString

    func run(in context: ExternalContext) async throws -> Int {
        let result = try await context.router.myself().run([ByteString("wc"), "-c", path])
        return Int(result.outputText.prefix { $0 != " " }) ?? 0
    }
}

/// Writes a file in two contexts behind the same hop, which gets its data once, and fetches it back.
@main
struct Distribute: MitogenProgram {
    static func main(router: Router) async throws {
        let folder = ByteString("\(CommandLine.arguments.last ?? ".")/")
        let gateway = try await router.local { $0.name = "gateway" }
        let left = try await router.local(via: gateway) { $0.name = "left" }
        let right = try await router.local(via: gateway) { $0.name = "right" }

        var push = FilePush(["/etc/passwd"], to: folder)
        push.options.preservesMetadata = true
        for (target, report) in zip([left, right], try await push.run(on: [left, right])) {
            guard report.failures.isEmpty else { throw report.failures[0] }
            print("\(target.name): \(report.entries) file")
        }

        let copy = ByteString(bytes: folder.bytes + Array("passwd".utf8))
        let fetched = try await left.fetch(copy, to: ByteString(bytes: folder.bytes + Array("fetched".utf8)))
        print("the same size:", try await right.call(FileSize(path: copy)) == fetched.bytes)
    }
}
