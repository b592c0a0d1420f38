//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

/// The commands that bring a program to where no shell is, run it, and remove it. They know no name for its file but
/// with ``CommandTemplate/random``.
struct ProgramCopyCommands: Sendable, Codable {
    /// Takes an archive with the file on its standard input, unless it reads the file by the path that stands for
    /// ``localFile``.
    var copy: CommandTemplate
    /// Runs the program.
    var run: CommandTemplate
    /// Whether the command that runs the program takes its words; otherwise the one that copies has told them.
    var runTakesWords = true
    /// Runs the program once more, only to remove its file; nil if there is nothing to remove but what ``cleanUp`` does.
    var removal: CommandTemplate?
    /// Removes what is left when the attempt fails, or this program or the tool is killed.
    var cleanUp: CommandTemplate?
    /// Where the file is then.
    var path: String
    /// Whether it is all that is tried, for tools that cannot pass on what is sent to a shell.
    var isOnlyWay = false
    /// Whether a program that has started has removed its file, so that nothing is left to be done.
    var programRemovesFile = false

    /// What the names of copied programs begin with: a program of such a name removes its own file when it starts.
    static let namePrefix = ".mitogen-"

    /// The word that stands for the program's file on the machine where the tool runs.
    static let localFile = "\0\0"

    /// Whether the command that copies reads the program's file itself.
    var readsLocalFile: Bool {
        copy.before.contains { word in zip(word.utf8, word.utf8.dropFirst()).contains { $0 == 0 && $1 == 0 } }
    }
}

extension ProgramCopyCommands {
    /// As docker and podman do it.
    ///
    /// - Parameters:
    ///   - engine: docker or podman, with its own arguments.
    ///   - hasProgram: Whether the container has the program already.
    static func byEngine(_ engine: [String], _ container: ContainerTarget, hasProgram: Bool) -> ProgramCopyCommands {
        let path = "/\(namePrefix)\(CommandTemplate.random)"
        // The program needs SWIFT_ROOT where there is no /proc.
        let environment = ["--env=SWIFT_ROOT=/"] + (hasProgram ? [] : ["--env=MITOGEN_UNLINK=\(path)"])
        let user = container.username.map { ["--user=\($0)"] } ?? []
        func run(_ options: [String]) -> CommandTemplate {
            CommandTemplate(engine + ["exec"] + options + environment + [container.name], .nothing)
        }
        return ProgramCopyCommands(
            copy: CommandTemplate(engine + ["cp", "-", "\(container.name):/"], .nothing),
            run: run(user + ["--interactive"]),
            // As root: the container has nothing else that could do it, and another user may not remove what is in the
            // root folder.
            removal: run(["--user=0"]),
            path: path
        )
    }

    /// As docker does it with a new container, which is made, gets the program, and is started.
    ///
    /// - Parameters:
    ///   - engine: docker, with its own arguments.
    ///   - options: What the container is made with, besides its name.
    ///   - hasProgram: Whether the image has the program already.
    static func byEngine(_ engine: [String], image: String, _ options: [String], hasProgram: Bool)
        -> ProgramCopyCommands
    {
        let path = "/\(namePrefix)\(CommandTemplate.random)"
        // Another one than that of the first attempt, which may be about to be removed.
        let name = "mitogen-\(CommandTemplate.random)-2"
        // An empty entry point: what the image runs by default does not count.
        let all = ["--interactive", "--rm", "--name=\(name)", "--entrypoint=", "--env=SWIFT_ROOT=/"] + options
        let create = engine + ["create"] + all + [image, path, "mitogen:container"]
        let copy = engine + ["cp", "-", "\(name):/"]
        return ProgramCopyCommands(
            copy: CommandTemplate(
                ["sh", "-c", "\(quoted(create)) </dev/null >/dev/null&&exec \(quoted(copy))"],
                .nothing
            ),
            run: hasProgram
                ? CommandTemplate(engine + ["run"] + all + [image], .nothing)
                : CommandTemplate(engine + ["start", "--attach", "--interactive", name], .nothing),
            runTakesWords: hasProgram,
            cleanUp: CommandTemplate(engine + ["rm", "--force", "--volumes", name], .nothing),
            path: path
        )
    }

    /// The words as a shell's text.
    static func quoted(_ words: [String]) -> String {
        words.map { word in
            "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\"'\"'") + "'"
        }.joined(separator: " ")
    }
}
