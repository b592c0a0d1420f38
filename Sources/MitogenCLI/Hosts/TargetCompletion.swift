//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import ArgumentParser
internal import Glibc

/// What a shell offers where a target is typed: groups and hosts of the inventories, kinds of hops, and the hosts of ssh's
/// configuration.
enum TargetCompletion {
    /// How the shell asks for it; ``CompletionScript`` adds the words of the command line.
    static let command = "mitogen hosts --completions"

    static var kind: CompletionKind { .shellCommand("\(self.command) 2>/dev/null") }

    /// Writes the words, one on each line.
    ///
    /// - Parameters:
    ///   - line: The command line that is being completed.
    ///   - inventories: Those that count without one.
    static func write(for line: [String], inventories: [String]) throws {
        let home = DescriptorSink.environmentVariable("HOME")
        var (reader, hosts) = (InventoryReader(home: home), InventoryReader(home: home))
        let configured = line.isEmpty ? inventories : Self.configuredInventories(of: line)
        let typed = Self.typedInventories(line, home: home)
        let isNamed = !(configured + typed).isEmpty
        // What is not there, or not right, offers nothing; whoever uses it is told then.
        if !isNamed { try? reader.addUsual() }
        for inventory in configured + typed.filter(Self.isReadable) { try? reader.add(inventory) }
        try? hosts.add(InventoryReader.ssh)
        let words = Self.words(reader.groups, isNamed: isNamed, hosts: hosts.groups)
        var sink = DescriptorSink()
        try sink.write(words.map { "\(TerminalSanitizer.visible($0))\n" }.joined(), to: .stdout)
    }

    /// The inventories that the configuration sets for the command of a line.
    private static func configuredInventories(of line: [String]) -> [String] {
        let tool = ToolDescription.ofTool()
        guard let command = line.dropFirst().first(where: { word in tool.commands.contains { $0.name == word } }) else {
            return []
        }
        let entries = ((try? Configuration.ofUser()) ?? nil)?.entries(for: command) ?? []
        return entries.filter { $0.name == "inventory" }.map(\.value)
    }

    /// The values of `-i` as they stand on a line, with their quotes and tildes.
    static func typedInventories(_ line: [String], home: String?) -> [String] {
        var values: [String] = []
        for (word, next) in zip(line, line.dropFirst() + [""]) {
            if word == "--" { break }
            var value = word == "-i" || word == "--inventory" ? next : ""
            if word.hasPrefix("--inventory=") { value = String(word.dropFirst("--inventory=".count)) }
            if let quote = value.first, quote == "'" || quote == "\"", value.count > 1, value.last == quote {
                value = String(value.dropFirst().dropLast())
            } else if let home, value.hasPrefix("~/") {
                value = home + value.dropFirst()
            }
            if !value.isEmpty { values.append(value) }
        }
        return values
    }

    /// Whether an inventory can be read without a program that somebody has only begun to type.
    private static func isReadable(_ inventory: String) -> Bool {
        var status = stat()
        guard stat(inventory, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return true }
        return access(inventory, X_OK) != 0
    }

    /// The words.
    ///
    /// - Parameters:
    ///   - isNamed: Whether hosts of the groups may be named without more, as those of inventories.
    ///   - hosts: What ssh's configuration has.
    static func words(_ groups: NodeGroups, isNamed: Bool, hosts: NodeGroups) -> [String] {
        let names = groups.sources.flatMap { source in (try? source.list() ?? []) ?? [] }
        let targets = groups.targets.map { name, target in
            isNamed && TargetPattern.beginsWithHost(name) ? TargetEscape.escaped(name[...]) : target
        }
        let kinds = HopKind.known.map { kind in
            if case .required = kind.argument { "\(kind.name):" } else { kind.name }
        }
        let words = names.map { "@\($0)" } + targets.sorted() + hosts.targets.values.sorted() + kinds
        return NodeSet(words).names.filter(self.isPlain)
    }

    /// Whether no shell finds anything in the word that it would carry out: bash expands the words that `compgen -W` gets,
    /// and names come from files of others.
    private static func isPlain(_ word: String) -> Bool {
        word.allSatisfy { $0.isLetter || $0.isNumber || "._-:/@%+,=".contains($0) }
    }
}
