//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import ArgumentParser

/// The options that say what is shown of a run, and what is kept.
package struct ResultArguments: ParsableArguments {
    @Option(
        name: [.customShort("o"), .customLong("output")],
        help: ArgumentHelp(
            "The form of the results: grouped (default), gather, stream, json, events or none; see 'mitogen help output'.",
            valueName: "FORM"
        )
    )
    package var output: String?

    @Flag(name: .customLong("diff"), help: "Gather, and show other groups as differences from the largest.")
    package var showsDifferences = false

    @Option(
        name: .customLong("output-dir"),
        help: ArgumentHelp("Write what each target prints to a file of its name there, too.", valueName: "DIR")
    )
    package var outputDirectory: String?

    @Option(
        name: .customLong("error-dir"),
        help: ArgumentHelp("Likewise, for standard error.", valueName: "DIR")
    )
    package var errorDirectory: String?

    @Flag(name: .customLong("summary"), help: "Say in the end how many targets ended how, and which.")
    package var summarizes = false

    @Flag(
        name: .customLong("live"),
        help: "Show a line for each target with its state and last output, and the summary in the end."
    )
    package var isLive = false

    @Option(
        name: .customLong("exit"),
        help: ArgumentHelp(
            "The exit status: 'kind' as in 'mitogen help exit-status' (default), or 'max', the largest of all.",
            valueName: "RULE"
        )
    )
    package var exitRule: String?

    package init() {}
}

/// What is shown of a run, and what is kept.
package struct RunResultOptions: Hashable, Sendable {
    /// The form of the results.
    package let output: OutputMode
    /// Whether groups are compared with the largest one.
    package let showsDifferences: Bool
    /// Where a file for the standard output of each target is written.
    package let outputDirectory: String?
    /// Where a file for the standard error of each target is written.
    package let errorDirectory: String?
    /// Whether the end says how many targets ended how.
    package let summarizes: Bool
    /// Whether a line for each target shows what it does.
    package let isLive: Bool
    /// How the exit status is made.
    package let exitRule: RunExitStatus.Rule

    /// Checks the options.
    ///
    /// - Throws: ``ArgumentError``.
    init(_ arguments: ResultArguments) throws(ArgumentError) {
        let usual: OutputMode = arguments.showsDifferences ? .gather : arguments.isLive ? .none : .grouped
        self.output =
            try arguments.output.map { (text) throws(ArgumentError) in
                try Self.value(text, "form of output", OutputMode.allCases)
            } ?? usual
        guard !arguments.showsDifferences || self.output == .gather else {
            throw ArgumentError("--diff compares what --output gather gathers, not --output \(self.output.rawValue)")
        }
        guard !arguments.isLive || self.output == .none else {
            throw ArgumentError(
                "--live shows the last line of each target and no other output; --output-dir keeps what they print"
            )
        }
        self.isLive = arguments.isLive
        self.showsDifferences = arguments.showsDifferences
        self.outputDirectory = arguments.outputDirectory
        self.errorDirectory = arguments.errorDirectory
        for (option, directory) in [("--output-dir", outputDirectory), ("--error-dir", errorDirectory)]
        where directory?.isEmpty == true {
            throw ArgumentError("\(option) needs the name of a directory")
        }
        if let outputDirectory, outputDirectory == self.errorDirectory {
            throw ArgumentError(
                "--output-dir and --error-dir need different directories: the files have the same names"
            )
        }
        self.summarizes = arguments.summarizes || arguments.isLive
        self.exitRule =
            try arguments.exitRule.map { (text) throws(ArgumentError) in
                try Self.value(text, "rule of --exit", RunExitStatus.Rule.allCases)
            } ?? .kind
    }

    private static func value<Value: RawRepresentable<String>>(
        _ name: String,
        _ what: String,
        _ all: [Value]
    ) throws(ArgumentError) -> Value {
        if let value = Value(rawValue: name) { return value }
        let known = all.map(\.rawValue)
        let hint = Suggestion.nearest(to: name, in: known).map { "; did you mean '\($0)'?" } ?? ";"
        throw ArgumentError(
            "unknown \(what) '\(TerminalSanitizer.visible(name))'\(hint) known are \(known.joined(separator: ", "))"
        )
    }
}
