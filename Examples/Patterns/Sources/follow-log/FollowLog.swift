import Mitogen

/// Sends the lines of a file, also those that come later, until nobody wants them.
struct Follow: RemoteStream {
    var path: String

    func run(in context: ExternalContext, yield: StreamWriter<String>) async throws {
        // Who does not want more cancels this function, and with it the command.
        try await context.withOutput(of: ["tail", "-n", "+1", "-F", path], throwsOnFailure: true) { output in
            for try await line in output.lines() { try await yield(line) }
        }
    }
}

/// `follow-log FILE WORD`: prints a file's lines up to one with the word, as they are written.
@main
struct FollowLog: MitogenProgram {
    static func main(router: Router) async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 3 else { throw MitogenError(.misuse, "usage: follow-log FILE WORD") }
        let host = try await router.local()
        for try await line in host.stream(Follow(path: arguments[1]), timeout: .seconds(30)) {
            print(line)
            // Leaving the loop cancels the function in the other context.
            if line.contains(arguments[2]) { break }
        }
        let task = Task { for try await _ in host.stream(Follow(path: arguments[1])) {} }
        try await Task.sleep(for: .milliseconds(100))
        task.cancel()
        do {
            try await task.value
        } catch  where error.isCancellation {
            print("no longer followed")
        }
    }
}
