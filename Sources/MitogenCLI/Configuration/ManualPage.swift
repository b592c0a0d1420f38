//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// A man page of a command, made from what the parser says.
struct ManualPage: Hashable, Sendable {
    let command: ToolDescription.Command
    let version: String

    /// The name of the file: `mitogen-run.1`.
    var fileName: String { "mitogen-\(self.command.name).1" }

    /// The text, in the language of man(7).
    var text: String {
        let name = "mitogen-\(self.command.name)"
        var lines = [
            ".TH \(Self.escaped(name.uppercased())) 1 \"\" \"mitogen \(Self.escaped(self.version))\" \"User Commands\"",
            ".SH NAME", "\(Self.escaped(name)) \\- \(Self.escaped(self.command.abstract))", ".SH SYNOPSIS",
            ".B mitogen \(Self.escaped(self.command.name))", self.synopsis,
        ]
        if !self.command.discussion.isEmpty {
            lines.append(".SH DESCRIPTION")
            lines += Self.paragraphs(self.command.discussion)
        }
        var section: String?
        for argument in self.command.arguments {
            let title = argument.section ?? (argument.names.isEmpty ? "Arguments" : "Options")
            if title != section { lines.append(".SH \(Self.escaped(title.uppercased()))") }
            section = title
            lines += [".TP", Self.head(of: argument), Self.line(argument.abstract)]
        }
        lines += [".SH SEE ALSO", self.seeAlso]
        return lines.joined(separator: "\n") + "\n"
    }

    private var synopsis: String {
        let words = self.command.arguments.filter(\.names.isEmpty).map { argument in
            "[\\fI\(Self.escaped(argument.valueName))\\fR]" + (argument.isRepeating ? "..." : "")
        }
        return (["[\\fIOPTION\\fR]..."] + words).joined(separator: " ")
    }

    private var seeAlso: String { ".BR mitogen (1)" }

    private static func head(of argument: ToolDescription.Argument) -> String {
        guard !argument.names.isEmpty else { return "\\fI\(self.escaped(argument.valueName))\\fR" }
        let names = argument.names.map { "\\fB\(self.escaped($0))\\fR" }.joined(separator: ", ")
        return argument.isFlag ? names : "\(names) \\fI\(self.escaped(argument.valueName))\\fR"
    }

    /// Lines that are indented are examples and tables, and stay as they are.
    static func paragraphs(_ text: String) -> [String] {
        var lines: [String] = []
        var isLiteral = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let wantsLiteral = line.first == " "
            if wantsLiteral != isLiteral, !line.isEmpty {
                lines.append(wantsLiteral ? ".nf" : ".fi")
                isLiteral = wantsLiteral
            }
            lines.append(line.isEmpty ? ".PP" : self.line(String(line)))
        }
        return isLiteral ? lines + [".fi"] : lines
    }

    /// A line that cannot be taken for a request.
    private static func line(_ text: String) -> String {
        let escaped = self.escaped(text)
        return escaped.first == "." || escaped.first == "'" ? "\\&" + escaped : escaped
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\e").replacing("-", with: "\\-")
    }

    /// The page of the tool itself, with its commands.
    static func ofTool(_ tool: ToolDescription, version: String, topics: [String]) -> String {
        var lines = [
            ".TH MITOGEN 1 \"\" \"mitogen \(self.escaped(version))\" \"User Commands\"", ".SH NAME",
            "mitogen \\- run commands and copy files in many places at once", ".SH SYNOPSIS", ".B mitogen",
            "\\fICOMMAND\\fR [\\fIOPTION\\fR]...", ".SH COMMANDS",
        ]
        for command in tool.commands {
            lines += [".TP", "\\fB\(self.escaped(command.name))\\fR", self.line(command.abstract)]
        }
        for topic in topics {
            lines += [".SH \(topic.uppercased())", ".nf"] + topicLines(topic) + [".fi"]
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func topicLines(_ topic: String) -> [String] {
        (HelpTopic(rawValue: topic)?.text ?? "").split(separator: "\n", omittingEmptySubsequences: false).map {
            self.line(String($0))
        }
    }
}
