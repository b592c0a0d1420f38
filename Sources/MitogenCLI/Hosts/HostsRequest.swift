//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What `mitogen hosts` is asked to write, and what that is for some node sets.
struct HostsRequest: Hashable, Sendable {
    /// The form of the result.
    enum Form: Hashable, Sendable {
        case expanded(separator: String)
        case folded
        case count
        case groups
    }

    let form: Form
    let parts: Int?
    let pick: Int?
    let autostep: Int?
    private let exclusions: [String]
    private let intersections: [String]
    private let differences: [String]

    /// Checks the options.
    ///
    /// - Throws: ``ArgumentError``.
    init(_ arguments: HostsCommand) throws(ArgumentError) {
        let asked = [
            ("--expand", arguments.expands), ("--fold", arguments.folds), ("--count", arguments.counts),
            ("--list", arguments.lists),
        ].filter(\.1).map(\.0)
        if asked.count > 1 { throw ArgumentError("\(asked[0]) and \(asked[1]) exclude each other") }
        switch asked.first {
        case "--expand": self.form = .expanded(separator: Self.separator(arguments.separator ?? " "))
        case "--count": self.form = .count
        case "--list": self.form = .groups
        default: self.form = .folded
        }
        if arguments.separator != nil, asked.first != "--expand" { throw ArgumentError("--separator needs --expand") }
        self.parts = try Self.number(arguments.split, "--split", from: 1)
        self.pick = try Self.number(arguments.pick, "--pick", from: 1)
        self.autostep = try Self.number(arguments.autostep, "--autostep", from: 3)
        self.exclusions = arguments.exclusions
        self.intersections = arguments.intersections
        self.differences = arguments.differences
    }

    /// All node sets besides those that are united.
    var otherSets: [String] { self.exclusions + self.intersections + self.differences }

    private static func number(_ text: String?, _ option: String, from least: Int) throws(ArgumentError) -> Int? {
        guard let text else { return nil }
        guard let number = Int(text), number >= least else {
            throw ArgumentError("\(option) is a number from \(least), not '\(TerminalSanitizer.visible(text))'")
        }
        return number
    }

    /// A line end and a tab are hard to type.
    private static func separator(_ text: String) -> String {
        text.replacing("\\n", with: "\n").replacing("\\t", with: "\t")
    }

    /// The lines to write, in which names cannot disturb a terminal.
    ///
    /// - Throws: ``ArgumentError``.
    func lines(_ texts: [String], _ groups: NodeGroups) throws(ArgumentError) -> [String] {
        if self.form == .groups {
            var names: [String] = []
            for source in groups.sources { names += try source.list() ?? [] }
            return NodeSet(names).names.map { "@\(Self.visible($0))" }
        }
        if self.form == .count, self.parts == nil, self.pick == nil {
            return ["\(try NodeCounter(self.expressions(texts), groups).count)"]
        }
        var names = NodeSet()
        for (text, operation) in self.expressions(texts) {
            names.combine(with: try groups.names(inExpression: text), operation)
        }
        var sorted = NodeSet(names.sorted)
        if let pick { sorted = NodeSet(NodeSet(Array(sorted.names.shuffled().prefix(pick))).sorted) }
        guard let parts else { return self.lines(of: sorted.names) }
        return sorted.parts(parts).flatMap { self.lines(of: $0) }
    }

    /// All node sets with what they do, in the order in which they count.
    private func expressions(_ texts: [String]) -> [(text: String, operation: NodeSetExpression.Operator)] {
        texts.map { ($0, .union) } + self.exclusions.map { ($0, .difference) }
            + self.intersections.map { ($0, .intersection) } + self.differences.map { ($0, .symmetricDifference) }
    }

    private func lines(of names: [String]) -> [String] {
        switch self.form {
        case .count: ["\(names.count)"]
        case .expanded(let separator):
            names.map(Self.visible).joined(separator: separator).split(separator: "\n").map(String.init)
        case .folded, .groups:
            names.isEmpty
                ? [] : [Self.visible(NodeSetFolding.text(names, order: .sorted, autostep: self.autostep))]
        }
    }

    private static func visible(_ text: String) -> String { ByteArguments.visible(TerminalSanitizer.visible(text)) }
}
