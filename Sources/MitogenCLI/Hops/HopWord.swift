//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// A word of a command line in a hop table, which may have placeholders in it.
struct HopWord: Hashable, Sendable {
    /// What stands for something else, written in braces.
    enum Placeholder: String, Hashable, Sendable, CaseIterable {
        /// The name of what the hop leads to.
        case name
        /// The user to be there.
        case user
        /// The words of the command that is to run.
        case command
        /// The same as one text for a shell.
        case shell
        /// The path of the program here.
        case file
        /// The path of the program there.
        case target

        var text: String { "{\(self.rawValue)}" }
    }

    enum Part: Hashable, Sendable {
        case text(String)
        case placeholder(Placeholder)
    }

    private(set) var parts: [Part] = []

    mutating func append(_ scalar: Unicode.Scalar) {
        if case .text(let text)? = self.parts.last {
            self.parts[self.parts.count - 1] = .text(text + String(scalar))
        } else {
            self.parts.append(.text(String(scalar)))
        }
    }

    mutating func append(_ placeholder: Placeholder) { self.parts.append(.placeholder(placeholder)) }

    func contains(_ placeholder: Placeholder) -> Bool { self.parts.contains(.placeholder(placeholder)) }

    /// Whether the word is nothing but that.
    func isOnly(_ placeholder: Placeholder) -> Bool { self.parts == [.placeholder(placeholder)] }

    /// The word, where it has no placeholders.
    var plain: String? { self.filled([:]) }

    /// The word with values in the places of its placeholders; nil if one has no value.
    func filled(_ values: [Placeholder: String]) -> String? {
        var result = ""
        for part in self.parts {
            switch part {
            case .text(let text): result += text
            case .placeholder(let placeholder):
                guard let value = values[placeholder] else { return nil }
                result += value
            }
        }
        return result
    }
}
