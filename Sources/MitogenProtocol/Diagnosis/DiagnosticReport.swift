//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Facts and tables about a running program, in one form for people and one for other programs.
package struct DiagnosticReport: Sendable {
    package enum Value: Sendable, Equatable {
        case text(String)
        case number(Int)
        /// Not known, or not there.
        case none
    }

    package struct Table: Sendable {
        package let name: String
        package let columns: [String]
        package var rows: [[Value]]

        package init(_ name: String, _ columns: [String], rows: [[Value]]) {
            self.name = name
            self.columns = columns
            self.rows = rows
        }
    }

    package var facts: [(name: String, value: Value)]
    package var tables: [Table]

    package init(facts: [(name: String, value: Value)], tables: [Table]) {
        self.facts = facts
        self.tables = tables
    }

    /// Lines for people: the facts, then the tables that have rows. Every line ends in a newline.
    package var text: String {
        let known = facts.filter { $0.value != .none }
        var lines = [known.map { "\($0.name.spaced) \($0.value.text)" }.joined(separator: ", ")]
        for table in tables where !table.rows.isEmpty {
            lines += ["", table.name.spaced] + Self.aligned(table).map { "  \($0)" }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// A JSON object with one line for each fact and each row.
    package var json: String {
        let facts = facts.map { "  \(VisibleText.json($0.name)): \($0.value.json)" }
        let tables = tables.map { table in
            let rows = table.rows.map { row in
                let members = zip(table.columns, row).map { "\(VisibleText.json($0)): \($1.json)" }
                return "    {" + members.joined(separator: ", ") + "}"
            }
            let list = rows.isEmpty ? "[]" : "[\n" + rows.joined(separator: ",\n") + "\n  ]"
            return "  \(VisibleText.json(table.name)): \(list)"
        }
        return "{\n" + (facts + tables).joined(separator: ",\n") + "\n}\n"
    }

    /// The header and the rows with columns of equal width: numbers to the right, text to the left.
    private static func aligned(_ table: Table) -> [String] {
        let header = table.columns.map { Value.text($0.spaced) }
        let cells = ([header] + table.rows).map { row in row.map(\.text) }
        let widths = table.columns.indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
        let isNumber = table.columns.indices.map { column in
            table.rows.contains { if case .number = $0[column] { true } else { false } }
        }
        return cells.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                line += (column == 0 ? "" : "  ") + (isNumber[column] ? padding + cell : cell + padding)
            }
            while line.last == " " { line.removeLast() }
            return line
        }
    }
}

extension DiagnosticReport.Value {
    package var text: String {
        switch self {
        case .text(let text): VisibleText.oneLine(text)
        case .number(let number): String(number)
        case .none: "–"
        }
    }

    package var json: String {
        switch self {
        case .text(let text): VisibleText.json(text)
        case .number(let number): String(number)
        case .none: "null"
        }
    }

    /// The text; nothing if there is none.
    package init(_ text: String?) {
        self = text.map(Self.text) ?? .none
    }

    /// The number; nothing if there is none.
    package init(_ number: (some BinaryInteger)?) {
        self = number.map { .number(Int(clamping: $0)) } ?? .none
    }
}

extension String {
    /// A name of the JSON form as people read it.
    fileprivate var spaced: String { String(map { $0 == "_" ? " " : $0 }) }
}
