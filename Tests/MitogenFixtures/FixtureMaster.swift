//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
internal import Mitogen

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// What the fixture program does when it is started as a master: what its first argument says.
public enum FixtureMaster {
    /// Does not return, or exits.
    public static func run() {
        let arguments = CommandLine.arguments.dropFirst()
        switch arguments.first {
        case "raw-child": RawChild.run(behaviour: arguments.dropFirst().first ?? "")
        case "leak-check": LeakCheck.run()
        case "stress": StressRun.run(Array(arguments.dropFirst()))
        case "calm": Calm.main()
        case "measured": Measured.main()
        case "relay": LinkRelay.run(Array(arguments.dropFirst()))
        default: Runner.main()
        }
    }

    private enum Runner: MitogenProgram {
        static func main(router: Router) async throws {
            let arguments = Array(CommandLine.arguments.dropFirst())
            switch arguments.first {
            case "chain":
                let depth = arguments.dropFirst().first.flatMap { Int($0) } ?? 10
                try await holdChain(depth: depth, doing: arguments.last ?? "", router)
            case "blocking-calls": try await measureBlockingCalls(router)
            case "detach": try await detach(to: arguments.last ?? "", router)
            case "remote": try await holdRemote(Array(arguments.dropFirst()), router)
            case "open-files": try await tellOpenFilesLimits(router)
            case "log-to-files": try await LogToFiles.run(Array(arguments.dropFirst()), router)
            case "stuck-log": try await StuckLog.run(to: arguments.last ?? "", router)
            case "listen": try await AttachedProgram.listen(arguments.last ?? "", router)
            case "attach": try await AttachedProgram.run(arguments.last ?? "")
            case "besieged": try await Besieged.run(router)
            case "busy-link":
                let numbers = arguments.compactMap { Int($0) }
                try await BusyLink.run(streams: numbers[0], seconds: numbers[1], router)
            case "withstand": try await Withstand.run(arguments.last ?? "", router)
            case "no-terminal": await useUpTerminals(router)
            case "return-early": try await returnEarly(router)
            case "forks":
                let numbers = arguments.compactMap { Int($0) }
                try await ForkMany.atOnce(numbers[0], byteCount: numbers[1], router)
            case "isolated-loop": try await ForkMany.isolated(Int(arguments.last ?? "") ?? 100, router)
            case "fork-loop": try await ForkMany.oneByOne(Int(arguments.last ?? "") ?? 100, router)
            case "measure": try await ProgramBenchmark.run(Array(arguments.dropFirst()), router)
            case "throw": throw MitogenError(.misuse, "the fixture was told to throw")
            default: try await demonstrate(router)
            }
        }
    }

    /// A program that logs, and measures, from its beginning.
    private enum Measured: MitogenProgram {
        static var logLevel: Logger.Level? { .warning }

        static var configuration: RouterConfiguration {
            var configuration = RouterConfiguration()
            configuration.isProfilingEnabled = true
            return configuration
        }

        static func main(router: Router) async throws {
            let logger = Logger(label: "fixture")
            logger.info("not told")
            logger.warning("told")
            try await demonstrate(router)
        }
    }

    private static func demonstrate(_ router: Router) async throws {
        let child = try await router.local { $0.name = "first" }
        print(try await child.call(Add(1, 2)))
        let nested = try await router.local(via: child) { $0.name = "second" }
        print(try await nested.call(Add(3, 4)))
        print(nested.name, nested.id)
        let result = try await nested.run(["uname", "-a"])
        print(result.status, result.outputText)
    }

    /// Starts contexts one through the other, tells the process id of each and of what they run, and stays.
    private static func holdChain(depth: Int, doing what: String, _ router: Router) async throws {
        var chain: [Context] = []
        for level in 1...depth {
            let context = try await router.local(via: chain.last) { $0.name = "level\(level)" }
            say("pid \(try await context.call(ProcessID()))")
            chain.append(context)
        }
        try await withThrowingTaskGroup { group in
            for context in chain {
                switch what {
                case "hang": group.addTask { try await context.call(HangForever()) }
                case "doze": group.addTask { _ = try await context.call(Doze(milliseconds: 1_000_000)) }
                case "commands": group.addTask { try await runStubbornCommand(in: context) }
                default: break
                }
            }
            // Whatever runs has begun when another call made later is answered.
            for context in chain { _ = try await context.call(Add(1, 1)) }
            if what != "commands" { say("ready") }
            while true { try await Task.sleep(for: .seconds(1000)) }
        }
    }

    /// Connects by ssh, with a file of configuration, a host, a program to use as ssh and more arguments for it, and stays
    /// while a function and a command run there.
    private static func holdRemote(_ arguments: [String], _ router: Router) async throws {
        let context = try await router.ssh(arguments[1]) { options in
            options.configFile = arguments[0]
            options.sshPath = arguments[2]
            options.sshArguments = Array(arguments.dropFirst(3))
            options.usesImageCache = false
        }
        _ = try context.startCall(HangForever())
        try await runStubbornCommand(in: context)
    }

    /// A command that does not end when it is asked to, with another process in its group.
    private static func runStubbornCommand(in context: Context) async throws {
        let script = "trap '' TERM; sleep 1000 & echo pid $$; echo pid $!; echo ready; wait; sleep 1000"
        _ = try await context.run(["sh", "-c", script]) { piece in
            write(1, piece.bytes, piece.bytes.count)
            return true
        }
    }

    /// Tells in how many milliseconds a call is answered while 32 others block their threads, at best.
    private static func measureBlockingCalls(_ router: Router) async throws {
        let child = try await router.local()
        var best = Duration.seconds(1000)
        for _ in 0..<4 {
            let blocked = try (0..<32).map { _ in try child.startCall(Block(milliseconds: 300)) }
            let clock = ContinuousClock()
            let elapsed = try await clock.measure { _ = try await child.call(Add(1, 2)) }
            best = min(best, elapsed)
            for call in blocked { try await call.get() }
        }
        say("best \(best.components.seconds * 1000 + best.components.attoseconds / 1_000_000_000_000_000)")
    }

    /// What commands see of the limit, here and in contexts.
    private static func tellOpenFilesLimits(_ router: Router) async throws {
        let child = try await router.local()
        let nested = try await router.local(via: child)
        for context in [child, nested] {
            say(String(try await context.run(["sh", "-c", "ulimit -n"]).outputText.dropLast()))
        }
        _ = try await nested.call(SpawnInherited(["true"]))
        say(String(try await nested.call(RunHere(["sh", "-c", "ulimit -n"])).dropLast()))
    }

    /// Tells the error of a connection for which there is no pseudo-terminal any more.
    private static func useUpTerminals(_ router: Router) async {
        while open("/dev/ptmx", O_RDWR | O_NOCTTY) >= 0 {}
        do {
            _ = try await router.su { $0.suPath = "/bin/false" }
            say("connected")
        } catch {
            say("error \(error.message)")
            say("hint \(error.hint ?? "none")")
        }
    }

    private static func detach(to path: String, _ router: Router) async throws {
        let child = try await router.local { $0.name = "detached" }
        say("pid \(try await child.call(ProcessID()))")
        var events = child.events.makeAsyncIterator()
        try child.callNoReply(DetachAndWork(path: path))
        if case .disconnected(let reason) = await events.next() { say("disconnected \(reason)") }
        // The program ends now, and its router with it.
    }

    /// Ends while functions and commands are running and a connection is being made.
    private static func returnEarly(_ router: Router) async throws {
        let child = try await router.local()
        let nested = try await router.local(via: child)
        for context in [child, nested] {
            say("pid \(try await context.call(ProcessID()))")
            _ = try context.startCall(HangForever())
            _ = try context.startCall(Doze(milliseconds: 1_000_000))
        }
        // Unstructured, because they are to be under way when the program ends.
        Task { try await runStubbornCommand(in: nested) }
        Task {
            _ = try await router.local { $0.executable = ["/bin/sh", "-c", "echo pid $$ >&2; exec sleep 1000"] }
        }
        try await Task.sleep(for: .milliseconds(300))
        say("ready")
    }

    static func say(_ text: String) {
        writeAll(1, Array("\(text)\n".utf8))
    }
}
