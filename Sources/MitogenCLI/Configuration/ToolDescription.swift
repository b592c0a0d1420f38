//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import ArgumentParser

/// The commands of the tool and their options, as the parser knows them.
///
/// Configuration, man pages and completions follow from it, so that none of them can differ from the parser.
struct ToolDescription: Hashable, Sendable {
    /// An option, a flag or an argument of a command.
    struct Argument: Hashable, Sendable {
        /// How it is written: `--fanout`, `-f`. Empty for a positional argument.
        let names: [String]
        let isFlag: Bool
        /// Whether it can be given several times.
        let isRepeating: Bool
        /// The word that stands for the value in help texts.
        let valueName: String
        let section: String?
        let abstract: String

        /// The long name without its dashes; nil for what has only a short one.
        var longName: String? { self.names.first { $0.hasPrefix("--") }.map { String($0.dropFirst(2)) } }
    }

    /// A command.
    struct Command: Hashable, Sendable {
        let name: String
        let abstract: String
        let discussion: String
        let arguments: [Argument]

        /// The options and flags that a person may set.
        var options: [Argument] {
            self.arguments.filter { argument in
                argument.longName.map { !["help", "version"].contains($0) } ?? false
            }
        }
    }

    /// The commands that help texts show.
    let commands: [Command]

    /// What the parser says.
    static func ofTool() -> ToolDescription {
        ToolDescription(commands: Self.array(self.root?["subcommands"]).filter(Self.isShown).map(Self.command))
    }

    /// A command, shown or not.
    static func command(_ name: String) -> Command? {
        self.array(self.root?["subcommands"]).first { $0["commandName"]?.scalarText == name }.map(self.command)
    }

    /// The options that stand before a command.
    static var rootArguments: [Argument] { self.array(self.root?["arguments"]).map(self.argument) }

    /// The parser writes what it can read; anything else would be an error of the program.
    private static var root: JSONValue? {
        (try? JSONValue(parsing: Array(MitogenCommand._dumpHelp().utf8)))?["command"]
    }

    private static func array(_ value: JSONValue?) -> [JSONValue] {
        if case .array(let values)? = value { values } else { [] }
    }

    private static func isShown(_ value: JSONValue) -> Bool {
        value["shouldDisplay"] != .bool(false) && value["commandName"]?.scalarText != "help"
    }

    private static func command(_ value: JSONValue) -> Command {
        Command(
            name: value["commandName"]?.scalarText ?? "",
            abstract: value["abstract"]?.scalarText ?? "",
            discussion: value["discussion"]?.scalarText ?? "",
            arguments: self.array(value["arguments"]).map(self.argument)
        )
    }

    private static func argument(_ value: JSONValue) -> Argument {
        let kind = value["kind"]?.scalarText
        let names = kind == "positional" ? [] : self.array(value["names"])
        return Argument(
            names: names.compactMap { name in
                name["name"]?.scalarText.map { (name["kind"]?.scalarText == "long" ? "--" : "-") + $0 }
            },
            isFlag: kind == "flag",
            isRepeating: value["isRepeating"] == .bool(true),
            valueName: value["valueName"]?.scalarText ?? "",
            section: value["sectionTitle"]?.scalarText,
            abstract: value["abstract"]?.scalarText ?? ""
        )
    }
}
