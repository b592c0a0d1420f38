//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import ArgumentParser

/// Help about something that several commands have, for `mitogen help TOPIC`.
enum HelpTopic: String, CaseIterable {
    case targets
    case connections
    case output
    case exitStatus = "exit-status"

    /// The text, if words ask for one; nil if they ask for something else, or for what the parser knows.
    ///
    /// - Throws: ``ArgumentError`` if they ask for help about what does not exist.
    static func text(for words: [String]) throws(ArgumentError) -> String? {
        guard words.count > 1, words[0] == "help", words[1].first != "-" else { return nil }
        guard words.count == 2 else {
            throw ArgumentError(
                "help is about one command or topic: mitogen help \(TerminalSanitizer.visible(words[1]))"
            )
        }
        if let topic = self.init(rawValue: words[1]) { return topic.text }
        let hidden = MitogenCommand.configuration.subcommands.compactMap { $0.configuration.commandName }
        let commands = ToolDescription.ofTool().commands.map(\.name)
        if words[1] == "help" || hidden.contains(words[1]) || commands.contains(words[1]) { return nil }
        throw Self.unknown(words[1], commands)
    }

    private static func unknown(_ word: String, _ commands: [String]) -> ArgumentError {
        let topics = self.allCases.map(\.rawValue)
        let near = Suggestion.nearest(to: word, in: topics + commands)
        let question = near.map { "did you mean '\($0)'? There" } ?? "there"
        let known = "the topics \(topics.joined(separator: ", ")) and the commands \(commands.joined(separator: ", "))"
        return ArgumentError(
            "there is no help about '\(TerminalSanitizer.visible(word))'; \(question) is some about \(known)"
        )
    }

    /// The text, on lines of at most 80 columns.
    var text: String {
        switch self {
        case .targets: Self.targetsText
        case .connections: ConnectionTopic.helpMessage(columns: 80) + "\n"
        case .output: Self.outputText
        case .exitStatus: Self.exitStatusText
        }
    }

    private static let targetsText = """
        A target is a chain of hops joined by '+', from this machine outwards:

        \(HopKind.helpText())\(HopTable.usualHelp)

        More kinds can be added in ~/.config/mitogen/hops.conf, see --hops.

        NODE SETS, wherever a target is written; in quotes, as the shell has a use for
        brackets and operators:
          ssh:web[01-20]+sudo    20 targets, with the zeros
          ssh:web[1-4,7]         a list; [0-30/10] has steps of 10, [db,web] words
          a,b   a!b   a&b   a^b  a or b; a, not b; both; one of both - left to right
          @web   @slurm:gpu      a group; of a source that is named; @* is all of them
          @web+sudo              with another hop; ssh:gate+ssh:@web behind a gateway
        A plain host behind '!', '&' and -x means every target with an ssh hop to it.
        A '+', ',', '!', '&', '^', '[' or ']' that is part of a name has a backslash
        before it, and so has a backslash before one of these.

        WHERE GROUPS COME FROM: -i, or else ~/.config/mitogen/groups.conf and the
        groups.conf of ClusterShell. -i takes
          a file of lines        web: web[1-20]
          a groups.conf          of ClusterShell, whose commands are run
          an INI file or JSON    of Ansible, or a program that is asked with --list;
                                 YAML and folders by ansible-inventory
          ssh or ssh:FILE        the hosts of ~/.ssh/config, or of FILE
        Hosts of an inventory may be named without ssh:, and their ansible_host, _user,
        _port, _connection, _become* and mitogen_via count.

        A file of --hosts-file has a target or a plain host on each line. --list-hosts
        shows what is meant. 'mitogen hosts' computes with node sets.

        Unlike clush and pdsh, -t wants ssh: before a host that no inventory has, and an
        unknown group is an error.

        """

    private static let outputText = """
        --output FORM:
          grouped  each target's output under a heading when it ends (default); with
                   one target the output alone, as it comes
          gather   targets with the same output and status together, the largest group
                   first, names folded; as clush -b and dshbak -c, but the status counts
                   and standard error belongs to the output
          stream   lines as they come, each behind the name of its target; a line of
                   more than 64 KiB goes on behind '+' in the place of '|'
          json     one object per target, on one line, when it ends: target,
                   exit_status, signal, stdout, stderr, error, duration_ms
          events   one object per event: run, started, stdout, stderr, exit,
                   unreachable, failed, skipped, end; with time in seconds since the
                   start, target and path; see the article Running
          none     nothing but failures

        --diff        gather, and show other groups as a unified diff against the
                      largest, as clush --diff
        --output-dir  a file for each target, named like it ('/' is %2f); --error-dir
                      the same for standard error, as pssh -o and -e
        --live        a line for each target, of those that run above 40, and the
                      summary in the end; nothing but that where there is no terminal
        --summary     how many targets ended how, and the names of those that failed

        Results go to standard output, what mitogen has to say to standard error. Names
        have the order of the command line. Colours are for terminals; NO_COLOR and
        TERM=dumb turn them off.

        """

    private static let exitStatusText = """
        With one target the command's own status; 128 + n if signal n ended it.
        With several 0 if all were 0. Otherwise the first of these that fits:
          130  Ctrl-C: commands get TERM, and KILL 2 s later or at a second Ctrl-C
          4    a target could not be reached
          3    a command did not end in time
          5    a command failed, or was not started
        2 if the command line, or a file that it names, is not right: nothing was
        connected then.

        --exit max gives the largest status of all commands instead, as clush -S; a
        target without one counts as 3, 4 or 5.

        """
}

/// The options that 'mitogen help connections' shows.
private struct ConnectionTopic: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "connections",
        usage: "mitogen run|copy|fetch|sync|doctor|tree|hold [OPTION]...",
        discussion: """
            What is typed for ssh wins over what mitogen adds, and ssh's configuration counts otherwise. --ssh-config, \
            --identity and --ssh-option name files of this machine; for an ssh that runs elsewhere they are given for its \
            host, with a path of where it runs: --identity ssh:HOST=/home/me/key.
            """
    )

    @OptionGroup
    var connections: ConnectionArguments

    @OptionGroup
    var held: HeldArguments
}
