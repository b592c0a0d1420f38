import Mitogen

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Follows a file by its name, from its present end on: also if it is truncated, removed, or replaced by another one.
struct Follow: RemoteStream {
    var path: String

    func run(in context: ExternalContext, yield: StreamWriter<FileEvent>) async throws {
        var file = FollowedFile(path: path)
        while true {
            let events = file.next()
            for event in events { try await yield(event) }
            // To ask again and again is cheap, and works on every file system. The sleep ends when the caller has gone.
            if events.isEmpty { try await Task.sleep(for: .milliseconds(200)) }
        }
    }
}

struct Failure: Error, CustomStringConvertible {
    var description: String
}

/// Where to look, and at what.
struct Place: Sendable {
    var target: String
    var files: [String]

    /// `local` is a context on this machine, everything else, also after `ssh:`, is a host that ssh knows.
    func connect(_ router: Router) async throws -> Context {
        if target == "local" { return try await router.local() }
        let host = target.hasPrefix("ssh:") ? String(target.dropFirst(4)) : target
        return try await router.ssh(host) { $0.name = host }
    }
}

/// `tail-logs [TARGET…] FILE…` shows what is written to files on many machines. What has a slash is a file. Without a
/// target each file has a context on this machine.
///
/// A host that is lost is reported, and the others go on. Ctrl-C ends this process as any other; the contexts notice that
/// and end too.
@main
struct TailLogs: MitogenProgram {
    static func main(router: Router) async throws {
        let places = try places(CommandLine.arguments.dropFirst())
        await withDiscardingTaskGroup { group in
            for place in places { group.addTask { await watch(place, router) } }
        }
        throw Failure(description: "there is nothing left to follow")
    }

    private static func places(_ arguments: some Sequence<String>) throws -> [Place] {
        let files = arguments.filter { $0.utf8.contains(UInt8(ascii: "/")) }
        let targets = arguments.filter { !$0.utf8.contains(UInt8(ascii: "/")) }
        if files.isEmpty { throw Failure(description: "usage: tail-logs [TARGET…] FILE…") }
        if targets.isEmpty { return files.map { Place(target: "local", files: [$0]) } }
        return targets.map { Place(target: $0, files: files) }
    }

    /// Shows the files of one context, until it is lost.
    private static func watch(_ place: Place, _ router: Router) async {
        do {
            let context = try await place.connect(router)
            let name = context.name
            try await withThrowingDiscardingTaskGroup { group in
                for path in place.files {
                    group.addTask {
                        for try await event in context.stream(Follow(path: path)) { show(event, "\(name):\(path)") }
                    }
                }
            }
        } catch {
            complain("lost: \(error)")
        }
    }

    private static func show(_ event: FileEvent, _ place: String) {
        switch event {
        case .line(let text):
            print("\(place): \(text)")
            // Whoever reads a pipe wants lines as they come, too.
            fflush(nil)
        case .notice(let text): complain("\(place): \(text)")
        }
    }

    private static func complain(_ text: String) {
        let line = "tail-logs: \(text)\n"
        _ = write(STDERR_FILENO, line, line.utf8.count)
    }
}
