//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import ArgumentParser
internal import Glibc

/// The arguments of `mitogen hosts`.
package struct HostsCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "hosts",
        abstract: "Expand, fold, count and combine node sets.",
        discussion: """
            The options are those of ClusterShell's nodeset, and so is the result:
            names are sorted, and folded unless something else is asked for.
            Without NODESET, and where it is -, names are read from standard input.

              web[01-20]   web01 to web20, with the zeros    web[0-30/10]  steps of 10
              web[1-4,7]   a list                            [db,web][1-2] words too
              a,b  a or b    a!b  a, not b    a&b  in both    a^b  in one of both
              @web  the group web    @slurm:gpu  of a source    @*  all groups

            Operators are taken from left to right. Names may be whole targets, as in
            'ssh:web[1-20]+sudo'.

            Unlike nodeset: an unknown group is an error, lists may hold words, and
            steps are folded with --autostep only if a number is given.

            EXAMPLES:
              mitogen hosts 'web[1-5]' web7                  web[1-5,7]
              mitogen hosts -e 'web[01-20/2]!web05'          web01 web03 web07 …
              mitogen hosts -c @web -x @maintenance          12
              mitogen hosts --split 3 'web[1-10]'            three lines
              cat names | mitogen hosts
              mitogen hosts -i inventory.ini -l              the groups

            EXIT STATUS:
              0, or 2 if something is no node set
            """
    )

    @Flag(name: [.customShort("e"), .customLong("expand")], help: "Write the names.")
    package var expands = false

    @Flag(name: [.customShort("f"), .customLong("fold")], help: "Write one node set. (default)")
    package var folds = false

    @Flag(name: [.customShort("c"), .customLong("count")], help: "Write how many names there are.")
    package var counts = false

    @Flag(name: [.customShort("l"), .customLong("list")], help: "Write the names of the groups.")
    package var lists = false

    @Flag(name: .customLong("completions"), help: .hidden)
    package var completes = false

    @Option(
        name: [.customShort("x"), .customLong("exclude")],
        help: ArgumentHelp("Take these away; may be given several times.", valueName: "NODESET")
    )
    package var exclusions: [String] = []

    @Option(
        name: .customLong("intersection"),
        help: ArgumentHelp("Keep what is in these, too; may be given several times.", valueName: "NODESET")
    )
    package var intersections: [String] = []

    @Option(
        name: [.customShort("X"), .customLong("xor")],
        help: ArgumentHelp("Keep what is in one of both; may be given several times.", valueName: "NODESET")
    )
    package var differences: [String] = []

    @OptionGroup
    package var inventory: InventoryArguments

    @Flag(name: .customShort("a"), help: "The same as --all.")
    package var meansAll = false

    @Option(
        name: .customLong("hosts-file"),
        help: ArgumentHelp("Read node sets from a file; may be given several times.", valueName: "FILE")
    )
    package var files: [String] = []

    @Option(help: ArgumentHelp("Write so many parts of equal size, each on a line.", valueName: "N"))
    package var split: String?

    @Option(help: ArgumentHelp("Write so many names, picked at random.", valueName: "N"))
    package var pick: String?

    @Option(
        help: ArgumentHelp("Fold so many numbers with equal distances to a-b/step. (default: none)", valueName: "N")
    )
    package var autostep: String?

    @Option(
        name: [.customShort("S"), .customLong("separator")],
        help: ArgumentHelp("What stands between names that are expanded. (default: a space)", valueName: "TEXT")
    )
    package var separator: String?

    @Argument(
        help: ArgumentHelp("Node sets, which are united; - is standard input.", valueName: "NODESET"),
        completion: TargetCompletion.kind
    )
    package var sets: [String] = []

    package init() {}

    package mutating func validate() throws {
        do throws(ArgumentError) { _ = try HostsRequest(self) } catch { throw ValidationError(error.description) }
    }

    package mutating func run() throws {
        if self.completes {
            return try TargetCompletion.write(for: self.sets, inventories: self.inventory.inventories)
        }
        do {
            let request = try HostsRequest(self)
            let texts = try self.texts()
            let (groups, warnings) = try self.inventory.groups(
                for: texts + request.otherSets + (self.lists ? ["@*"] : [])
            )
            var sink = DescriptorSink()
            for warning in warnings { try sink.write("mitogen: \(warning)\n", to: .stderr) }
            let lines = try request.lines(texts, groups)
            try sink.write(lines.map { "\($0)\n" }.joined(), to: .stdout)
        } catch let error as ArgumentError {
            throw error.forCommandLine
        } catch OutputError.brokenPipe {
            throw ExitCode(RunExitStatus.brokenPipe)
        }
    }

    /// The node sets of the arguments, the files and standard input.
    private func texts() throws(ArgumentError) -> [String] {
        var texts = self.sets
        if self.meansAll || self.inventory.meansAll { texts.append("@*") }
        // A person at a terminal who names nothing wants to know what to name.
        if texts.isEmpty, self.files.isEmpty, !self.lists {
            guard isatty(0) == 0 else { throw ArgumentError("there is no node set: mitogen hosts NODESET...") }
            texts = ["-"]
        }
        var result: [String] = []
        for text in texts { result += text == "-" ? try NodeSetFile.nodeSets(path: text) : [text] }
        for file in self.files { result += try NodeSetFile.nodeSets(path: file) }
        return result
    }
}

/// Node sets in a file, with spaces and ends of lines between them.
enum NodeSetFile {
    /// - Parameter path: `-` is standard input.
    static func nodeSets(path: String) throws(ArgumentError) -> [String] {
        let isInput = path == HostsFile.standardInput
        let name = isInput ? "standard input" : TerminalSanitizer.visible(path)
        let file = TextFile(kind: "file of node sets", content: "node sets", name: name)
        let descriptor = isInput ? dup(0) : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw file.unreadable(errno) }
        defer { close(descriptor) }
        let lines = try file.lines(of: try file.read(descriptor))
        return lines.flatMap { $0.text.split(whereSeparator: \.isWhitespace).map(String.init) }
    }
}
