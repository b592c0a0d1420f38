//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension AnsibleInventory {
    private enum Section {
        case hosts(String)
        case variables(String)
        case children(String)
    }

    /// Reads an inventory in the form of an INI file.
    ///
    /// - Throws: ``ArgumentError`` with the line.
    init(name: String, ini lines: [TextFile.Line]) throws(ArgumentError) {
        self.init(name: name)
        var section = Section.hosts(Self.ungrouped)
        for line in lines where line.text.first != ";" {
            if line.text.first == "[", let heading = Self.heading(line.text) {
                section = try Self.section(heading, line, name)
                if case .hosts(let group) = section { self.addGroup(group) }
                continue
            }
            switch section {
            case .hosts(let group): try self.addHosts(line, to: group)
            case .children(let group): self.add(child: line.text, to: group)
            case .variables(let group):
                let (variable, value) = try Self.assignment(line, name)
                self.set([variable: value], ofGroup: group)
            }
        }
    }

    private static func error(_ name: String, _ line: TextFile.Line, _ problem: String) -> ArgumentError {
        ArgumentError("\(name):\(line.number): \(TerminalSanitizer.visible(problem))", isAboutFile: true)
    }

    /// What is in the brackets of a heading; nil for a host that begins with a range.
    private static func heading(_ text: String) -> String? {
        guard text.last == "]", !text.dropFirst().dropLast().contains(where: { "[]".contains($0) }) else { return nil }
        let inside = String(text.dropFirst().dropLast())
        let isRange = inside.split(separator: ":").allSatisfy { $0.allSatisfy(\.isNumber) }
        return isRange ? nil : inside
    }

    private static func section(
        _ heading: String,
        _ line: TextFile.Line,
        _ name: String
    ) throws(ArgumentError) -> Section {
        guard let colon = heading.firstIndex(of: ":") else { return .hosts(heading) }
        let group = String(heading[..<colon])
        switch heading[heading.index(after: colon)...] {
        case "vars": return .variables(group)
        case "children": return .children(group)
        case "hosts": return .hosts(group)
        case let other:
            throw Self.error(name, line, "[\(group):\(other)] is no section; a group has :vars and :children")
        }
    }

    private static func assignment(
        _ line: TextFile.Line,
        _ name: String
    ) throws(ArgumentError) -> (String, String) {
        guard let sign = line.text.firstIndex(of: "=") else {
            throw Self.error(name, line, "'\(line.text)' is no variable: expected is NAME=VALUE")
        }
        let variable = line.text[..<sign].trimmingSpaces
        let value = line.text[line.text.index(after: sign)...].trimmingSpaces
        return (String(variable), Self.unquoted(String(value)))
    }

    private mutating func addHosts(_ line: TextFile.Line, to group: String) throws(ArgumentError) {
        let words = try self.words(of: line)
        var variables: [String: String] = [:]
        for word in words.dropFirst() {
            guard let sign = word.firstIndex(of: "=") else {
                throw Self.error(self.name, line, "'\(word)' follows a host and is no variable: expected is NAME=VALUE")
            }
            variables[String(word[..<sign])] = Self.unquoted(String(word[word.index(after: sign)...]))
        }
        var pattern = words[0]
        // A port may follow a name; an address without brackets has colons of its own.
        let bracket = pattern.lastIndex(of: "]") ?? pattern.startIndex
        if let colon = pattern[bracket...].lastIndex(of: ":"), !SSHDestination.isBareAddress(pattern[...]) {
            variables["ansible_port"] = variables["ansible_port"] ?? String(pattern[pattern.index(after: colon)...])
            pattern = String(pattern[..<colon])
        }
        do throws(NodePatternError) {
            for host in try AnsibleRange.expanded(pattern) {
                self.add(host: host, to: group, variables: variables)
            }
        } catch {
            throw Self.error(self.name, line, "'\(words[0])' has a bad range '\(error.bracket)': \(error.problem)")
        }
    }

    /// The words of a line as a shell would split them.
    private func words(of line: TextFile.Line) throws(ArgumentError) -> [String] {
        var words: [String] = []
        var word: String?
        var quote: Character?
        for character in line.text {
            if let open = quote {
                if character == open { quote = nil } else { word = (word ?? "") + String(character) }
            } else if character == "'" || character == "\"" {
                quote = character
                word = word ?? ""
            } else if character.isWhitespace {
                if let done = word { words.append(done) }
                word = nil
            } else {
                word = (word ?? "") + String(character)
            }
        }
        if let quote { throw Self.error(self.name, line, "there is no second \(quote)") }
        if let last = word { words.append(last) }
        return words
    }

    private static func unquoted(_ text: String) -> String {
        guard text.count >= 2, let first = text.first, first == text.last, first == "'" || first == "\"" else {
            return text
        }
        return String(text.dropFirst().dropLast())
    }
}

/// The ranges of Ansible's hosts: `web[01:20]`, `web[1:9:2]`, `db-[a:f]`.
enum AnsibleRange {
    private static let form = "expected is [1:20], [01:20], [1:20:2] or [a:f]"
    private static let maximumCount = 100_000
    private static let maximumBrackets = 16
    /// More digits than that may be no `Int`.
    private static let maximumDigits = 18

    /// The names that a pattern stands for.
    static func expanded(_ pattern: String) throws(NodePatternError) -> [String] {
        guard pattern.utf8.count(where: { $0 == UInt8(ascii: "[") }) <= self.maximumBrackets else {
            throw NodePatternError(
                bracket: String(pattern.prefix(20)) + "…",
                problem: "a name has at most \(self.maximumBrackets) brackets"
            )
        }
        guard let start = pattern.firstIndex(of: "["), let end = pattern[start...].firstIndex(of: "]") else {
            return [pattern]
        }
        let bracket = String(pattern[start...end])
        let parts = bracket.dropFirst().dropLast().split(separator: ":", omittingEmptySubsequences: false).map(
            String.init
        )
        let words = try self.words(parts, bracket)
        let rests = try self.expanded(String(pattern[pattern.index(after: end)...]))
        guard words.count.saturatingProduct(rests.count) <= self.maximumCount else {
            throw NodePatternError(bracket: bracket, problem: "it stands for more than \(self.maximumCount) hosts")
        }
        return words.flatMap { word in rests.map { pattern[..<start] + word + $0 } }
    }

    private static func words(_ parts: [String], _ bracket: String) throws(NodePatternError) -> [String] {
        guard (2...3).contains(parts.count), let step = parts.count == 3 ? self.number(parts[2]) : 1, step > 0 else {
            throw NodePatternError(bracket: bracket, problem: self.form)
        }
        let (first, last) = (parts[0].isEmpty ? "0" : parts[0], parts[1])
        if let lower = self.number(first), let upper = self.number(last), lower <= upper {
            guard (upper - lower) / step + 1 <= self.maximumCount else {
                throw NodePatternError(bracket: bracket, problem: "it stands for more than \(self.maximumCount) hosts")
            }
            let isPadded = first.utf8.count > 1 && first.first == "0"
            guard !isPadded || first.utf8.count == last.utf8.count else {
                throw NodePatternError(
                    bracket: bracket,
                    problem: "both numbers need equally many digits, as in [01:20]"
                )
            }
            return stride(from: lower, through: upper, by: step).map { number in
                let digits = String(number)
                let zeros = isPadded ? max(0, first.utf8.count - digits.utf8.count) : 0
                return String(repeating: "0", count: zeros) + digits
            }
        }
        guard first.utf8.count == 1, last.utf8.count == 1, let lower = first.utf8.first, let upper = last.utf8.first,
            lower <= upper, first.first?.isLetter == true, last.first?.isLetter == true
        else { throw NodePatternError(bracket: bracket, problem: self.form) }
        return stride(from: Int(lower), through: Int(upper), by: step).map { String(UnicodeScalar(UInt8($0))) }
    }

    private static func number(_ text: String) -> Int? {
        let isNumber = text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return isNumber && text.utf8.count <= self.maximumDigits ? Int(text) : nil
    }
}
