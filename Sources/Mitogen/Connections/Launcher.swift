//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Logging
internal import MitogenProtocol

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// How the process of a context comes to be. It tells the attempt what it has started, at once or later.
protocol Launcher: Sendable {
    /// - Throws: ``MitogenError``, which the attempt fails with.
    func launch(_ attempt: ConnectionAttempt) throws(MitogenError)
}

extension ConnectionRequest.Way {
    var launcher: any Launcher {
        switch self {
        case .program: ProgramLauncher()
        case .tool(let tool): ToolLauncher(tool: tool)
        case .namespaces(let target): NamespaceLauncher(target: target)
        case .fork(let target): ForkLauncher(target: target)
        }
    }
}

/// Starts the program itself, with the connection as its standard input and output.
struct ProgramLauncher: Launcher {
    func launch(_ attempt: ConnectionAttempt) throws(MitogenError) {
        try Self.launch(attempt, environment: ProcessIdentity.environment)
    }

    /// - Parameter entry: Where it is to run, if not here.
    static func launch(
        _ attempt: ConnectionAttempt,
        environment: [ByteString],
        directory: String? = nil,
        entry: NamespaceEntry? = nil
    ) throws(MitogenError) {
        let command = attempt.image.command(argument: "mitogen:\(attempt.remoteName)")
        let ends = try ConnectionEnds(terminal: .none)
        let process = try ends.spawn(
            command.arguments,
            path: command.path,
            environment: environment,
            directory: directory,
            entry: entry,
            on: attempt.router.broker
        )
        attempt.follow(process, ends)
    }
}

/// Runs a tool with a first stage, which brings the program to where the tool leads.
struct ToolLauncher: Launcher {
    let tool: ConnectionTool

    func launch(_ attempt: ConnectionAttempt) throws(MitogenError) {
        let program: FirstStage.Program
        if let python = attempt.common.runtime.python {
            program = .python(try attempt.stage(of: python))
        } else if let executable = attempt.common.executable {
            program = .executable(executable)
        } else {
            program = try .image(attempt.router.images().own())
        }
        var stage = try FirstStage(
            program: program,
            usesCache: attempt.common.usesImageCache,
            replacesCached: attempt.retries.replacesCached,
            remoteName: attempt.remoteName,
            random: Self.randomWord()
        )
        if tool.dialect.speaksEnglish { stage.restores(locale: ToolLocale.own, insteadOf: ToolLocale.name) }
        stage.avoidsExec = attempt.retries.avoidsExec
        let copy = tool.copy.map { CopyLauncher(copy: ProgramCopy(stage: stage, tool: tool, commands: $0)) }
        if let copy, copy.copy.commands.isOnlyWay { return attempt.launch(copy) }
        let cleanUp = tool.cleanUp?.arguments(random: stage.random)
        let watchdog = try cleanUp.map { (command) throws(MitogenError) in
            try Watchdog(command, on: attempt.router.broker)
        }
        let plan = ConnectionPlan(tool: tool, arguments: tool.command.arguments(for: stage))
        let process = try Self.run(plan, stage, for: attempt, watchdog, otherwise: copy)
        // Whether the tool ends by itself when this program does. An ssh that waits for a server, or for another ssh, does
        // not look at its standard input; nor does any other program that starts one.
        let endsWithoutUs = tool.container != nil || tool.dialect.speaksEnglish
        if !endsWithoutUs { attempt.guardGroup(of: process) }
    }

    /// Starts the tool.
    ///
    /// - Parameters:
    ///   - watchdog: Runs the command that removes what is left, when it has to.
    ///   - copy: What to try where there is no shell.
    @discardableResult
    static func run(
        _ plan: ConnectionPlan,
        _ stage: FirstStage,
        for attempt: ConnectionAttempt,
        _ watchdog: Watchdog?,
        otherwise copy: CopyLauncher? = nil
    ) throws(MitogenError) -> SpawnedProcess {
        let (name, logger) = (attempt.request.name(), attempt.router.logger)
        let (wire, process) = try ChildWire.start(plan, on: attempt.router.broker) { logger.debug("\(name): \($0)") }
        if let watchdog {
            process.process.whenEnded { $0 == .exited(0) ? watchdog.dismiss() : watchdog.trigger() }
        }
        attempt.follow(process, wire, stage, plan, otherwise: copy)
        return process.process
    }

    static func randomWord() -> String {
        let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789")
        var generator = SystemRandomNumberGenerator()
        return String((0..<20).map { _ in letters[Int.random(in: 0..<letters.count, using: &generator)] })
    }
}

/// Brings the program to where no shell is, and runs it there.
struct CopyLauncher: Launcher {
    let copy: ProgramCopy

    func launch(_ attempt: ConnectionAttempt) throws(MitogenError) {
        let watchdog = try copy.cleanUp.map { (command) throws(MitogenError) in
            try Watchdog(command, on: attempt.router.broker)
        }
        attempt.whenFailed { _ in watchdog?.trigger() }
        guard copy.isNeeded else { return try run(for: attempt, watchdog) }
        // Reading the program takes milliseconds, which the Broker does not have.
        attempt.inBackground { () throws(MitogenError) in
            let (process, leftovers) = try copy.start(attempt.router.images(), on: attempt.router.broker) { error in
                attempt.helperEnded()
                if let error { return attempt.fail(error) }
                attempt.trying { () throws(MitogenError) in try run(for: attempt, watchdog) }
            }
            attempt.result.whenResolved { outcome in
                process.process.whenEnded { _ in
                    if case .failure = outcome { return leftovers?.trigger() ?? () }
                    leftovers?.dismiss()
                    if !copy.commands.programRemovesFile { copy.remove(on: attempt.router.broker) }
                }
            }
            attempt.follow(process)
        }
    }

    private func run(for attempt: ConnectionAttempt, _ watchdog: Watchdog?) throws(MitogenError) {
        try ToolLauncher.run(copy.plan, copy.stage, for: attempt, watchdog)
    }
}

/// Enters a container's namespaces, and starts the program there.
struct NamespaceLauncher: Launcher {
    let target: NamespaceTarget

    func launch(_ attempt: ConnectionAttempt) throws(MitogenError) {
        // Before the tool, whose words about it would be others.
        guard geteuid() == 0 else {
            throw NamespaceEntry.failure("cannot enter the container \(target.container.name)", EPERM)
        }
        let search = try LeaderSearch(target, on: attempt.router.broker)
        attempt.follow(search.query) { status, lines in
            let leader = search.outcome(status, lines)
            // Copying the program takes milliseconds, which the Broker does not have.
            attempt.inBackground { () throws(MitogenError) in try enter(leader.get(), for: attempt) }
        }
    }

    private func enter(_ leader: Int32, for attempt: ConnectionAttempt) throws(MitogenError) {
        if let python = attempt.common.runtime.python { return try enter(leader, python, for: attempt) }
        let program = attempt.common.executable == nil ? try attempt.router.images().privateCopy() : nil
        let entry = try NamespaceEntry(target, leader: leader, program: program)
        try ProgramLauncher.launch(
            attempt,
            // The program needs SWIFT_ROOT where there is no /proc.
            environment: entry.account.environment.map { ByteString($0) } + ["SWIFT_ROOT=/"],
            directory: entry.account.home,
            entry: entry
        )
    }
}

extension NamespaceLauncher {
    /// Runs an interpreter of the container in its namespaces, by its shell.
    private func enter(
        _ leader: Int32,
        _ python: PythonRuntime,
        for attempt: ConnectionAttempt
    ) throws(MitogenError) {
        let stage = try FirstStage(
            program: .python(attempt.stage(of: python)),
            usesCache: false,
            remoteName: attempt.remoteName,
            random: ToolLauncher.randomWord()
        )
        let entry = try NamespaceEntry(target, leader: leader, program: nil)
        let ends = try ConnectionEnds(terminal: .none)
        let process = try ends.spawn(
            stage.arguments,
            path: "/bin/sh",
            environment: entry.account.environment.map { ByteString($0) },
            directory: entry.account.home,
            entry: entry,
            on: attempt.router.broker
        )
        let tool = ConnectionTool(CommandTemplate([], .words))
        let plan = ConnectionPlan(tool: tool, arguments: stage.arguments)
        let (name, logger) = (attempt.request.name(), attempt.router.logger)
        let (wire, child) = ChildWire.takeOver(process, ends, on: attempt.router.broker) {
            logger.debug("\(name): \($0)")
        }
        attempt.follow(child, wire, stage, plan)
    }
}

/// Has a fork server make a copy of itself.
struct ForkLauncher: Launcher {
    let target: ForkTarget
    /// Whether the first server that was asked was gone.
    var isSecond = false

    func launch(_ attempt: ConnectionAttempt) throws(MitogenError) {
        try target.setup.limits.checkPermitted()
        let server = try attempt.router.forkServers.server(for: target.preload, attempt.image, in: attempt.router)
        let ends = try ConnectionEnds(terminal: .none)
        attempt.waits(for: "waiting for the fork server, which may still run its preload function")
        let number = server.fork(ends, until: attempt.deadline) { outcome in
            switch outcome {
            case .forked(let process):
                // From now on it is the copy that is waited for, which may still run its fork function.
                attempt.waits(for: nil)
                return attempt.follow(process, ends, forked: target.setup)
            case .failed(let error): attempt.fail(error)
            case .gone(let error) where isSecond: attempt.fail(error)
            case .gone:
                // Starting another one takes its time, which the Broker does not have.
                attempt.inBackground { () throws(MitogenError) in
                    try ForkLauncher(target: target, isSecond: true).launch(attempt)
                }
            }
            ends.closeNearEnds()
        }
        attempt.whenFailed { _ in server.cancel(number) }
    }
}
