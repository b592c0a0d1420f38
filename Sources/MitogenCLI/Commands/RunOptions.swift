//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import Mitogen

/// What `mitogen run` is asked to do.
package struct RunOptions: Hashable, Sendable {
    /// Where the command runs; only empty if files were not read.
    package let targets: [TargetSpecification]

    /// How many targets are connected and run at a time; nil if all are.
    package let fanout: Int?

    /// What is to be said before the run.
    package let warnings: [String]

    /// What is shown of the run, and what is kept.
    package let results: RunResultOptions

    /// In which order and how carefully the run goes on.
    package let plan: RunPlan

    /// Whether targets are only listed.
    package let listsTargets: Bool

    /// Whether it is only told what would be done.
    package let isDryRun: Bool

    /// How long the command may run.
    package let timeout: Duration?

    /// Variables for the command.
    package let environment: [ByteString: ByteString]

    /// The command's working directory.
    package let directory: ByteString?

    /// Whether the command gets what this process reads.
    package let readsStandardInput: Bool

    /// How hops are connected.
    package var hops: HopSettings

    /// Whether connections that are held are used.
    package let usesHeld: Bool

    /// What is brought to the targets and run; nil if a program of theirs is, and if files were not read.
    package let script: [UInt8]?

    /// The program and its arguments, never empty; only the arguments if there is a script.
    package let command: [ByteString]

    /// Checks the arguments of the command line.
    ///
    /// - Parameter readsFiles: Whether files with targets are read, which can be done once if one is standard input.
    /// - Throws: ``TargetSyntaxError`` or ``ArgumentError``.
    package init(_ arguments: RunCommand, readsFiles: Bool = true) throws {
        let inputs =
            (arguments.readsStandardInput ? ["--stdin"] : []) + arguments.connections.standardInputOptions
            + (arguments.script == ScriptSource.standardInput ? ["--script -"] : [])
        try arguments.targets.checkStandardInput(inputs)
        self.fanout = try arguments.targets.limit()
        self.results = try RunResultOptions(arguments.results)
        self.plan = try arguments.caution.plan()
        self.listsTargets = arguments.listsTargets
        self.isDryRun = arguments.isDryRun
        self.timeout = try arguments.timeout.map { (text) throws(ArgumentError) in
            try TimeoutArgument(parsing: text).duration
        }
        var environment: [ByteString: ByteString] = [:]
        for text in arguments.environment {
            let assignment = try EnvironmentAssignment(parsing: text)
            environment[ByteArguments.bytes(of: assignment.name)] = ByteArguments.bytes(of: assignment.value)
        }
        self.environment = environment
        self.directory = arguments.directory.map(ByteArguments.bytes)
        self.readsStandardInput = arguments.readsStandardInput
        self.hops = try arguments.connections.settings()
        self.usesHeld = !arguments.held.refusesHeld
        // Only the first "--" is the tool's: a later one is an argument of the command.
        let words = arguments.command.dropFirst(arguments.command.first == "--" ? 1 : 0)
        self.command = words.map(ByteArguments.bytes)
        if self.listsTargets, self.isDryRun {
            throw ArgumentError("--list-hosts and --dry-run exclude each other: a dry run lists the hosts, too")
        }
        if self.command.isEmpty, arguments.script == nil, !self.listsTargets {
            throw ArgumentError("there is no command to run: mitogen run [OPTION]... [--] COMMAND [ARG...]")
        }
        if arguments.script == nil, self.command.first?.bytes.isEmpty == true {
            throw ArgumentError("the name of the program to run is empty")
        }
        if self.directory?.bytes.isEmpty == true { throw ArgumentError("the directory for the command is empty") }
        if arguments.script == ScriptSource.standardInput, let other = inputs.first(where: { $0 != "--script -" }) {
            throw ArgumentError("--script - and \(other) exclude each other: both read standard input")
        }
        self.script = readsFiles ? try arguments.script.map(ScriptSource.read) : nil
        // Last, so that no targets are read for a command line that is not right.
        var targets = arguments.targets
        if arguments.meansAll { targets.inventory.meansAll = true }
        let selection = try targets.selection(readsFiles: readsFiles, kinds: self.hops.table.kinds)
        self.targets = selection.targets
        self.warnings = selection.warnings + [self.hops.ssh.warning(for: selection.targets)].compactMap(\.self)
        if self.readsStandardInput, self.plan.hasBatches {
            throw ArgumentError(
                "--stdin sends the input to all targets at the same time, which --serial and --canary do not allow"
            )
        }
        if let fanout, self.readsStandardInput, fanout < self.targets.count {
            throw ArgumentError(
                "--stdin sends the input to all \(self.targets.count) targets at the same time, which --fanout "
                    + "\(fanout) does not allow"
            )
        }
    }

    /// Makes the directories for the output of targets.
    ///
    /// - Returns: Nil if none are asked for.
    /// - Throws: ``ArgumentError``.
    func outputFiles() throws(ArgumentError) -> OutputFiles? {
        guard self.results.outputDirectory != nil || self.results.errorDirectory != nil else { return nil }
        return try OutputFiles(
            output: self.results.outputDirectory,
            errors: self.results.errorDirectory,
            labels: TargetSpecification.labels(for: self.targets)
        )
    }
}
