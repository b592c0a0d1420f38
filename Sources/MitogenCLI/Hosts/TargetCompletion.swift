//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import ArgumentParser

/// What a shell offers where a target is typed: kinds of hops, the user's groups, and the hosts of ssh's configuration.
enum TargetCompletion {
    /// How the shell asks for it.
    static var kind: CompletionKind { .shellCommand("mitogen hosts --completions 2>/dev/null") }

    /// Writes the words, one on each line.
    static func write() throws {
        var reader = InventoryReader(home: DescriptorSink.environmentVariable("HOME"))
        // What is not there, or not right, offers nothing; whoever uses it is told then.
        try? reader.addUsual()
        try? reader.add(InventoryReader.ssh)
        var sink = DescriptorSink()
        try sink.write(self.words(reader.groups).map { "\(TerminalSanitizer.visible($0))\n" }.joined(), to: .stdout)
    }

    /// The words.
    static func words(_ groups: NodeGroups) -> [String] {
        let names = groups.sources.filter { $0.name != InventoryReader.ssh }.flatMap { source in
            (try? source.list() ?? []) ?? []
        }
        let kinds = HopKind.known.map { kind in
            if case .required = kind.argument { "\(kind.name):" } else { kind.name }
        }
        let words = NodeSet(names).names.map { "@\($0)" } + NodeSet(groups.targets.values.sorted()).names + kinds
        return words.filter(self.isPlain)
    }

    /// Whether no shell finds anything in the word that it would carry out: bash expands the words that `compgen -W` gets,
    /// and names come from files of others.
    private static func isPlain(_ word: String) -> Bool {
        word.allSatisfy { $0.isLetter || $0.isNumber || "._-:/@%+,=".contains($0) }
    }
}
