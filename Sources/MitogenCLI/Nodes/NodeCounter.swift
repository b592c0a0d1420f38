//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Counts the names of node sets without making those of a large range: 10⁹ of them take no longer than one.
///
/// A name with a number is kept as what stands around it and the number, so that sets of names are sets of numbers. Of the
/// numbers of a name it is the one that a large range stands for; what other brackets stand for is expanded.
struct NodeCounter {
    /// From how many names on an operand is kept as a range.
    private static let threshold = 10_000
    /// More digits than a range can have.
    private static let maximumDigits = 18

    /// Names that differ in one number only.
    private struct Key: Hashable {
        let before: String
        let after: String
        /// How many digits the number has, with its zeros; 0 for a name that is kept as it is.
        let digits: Int
    }

    /// The sets of numbers of names with the same ``Key``.
    private struct Names {
        var numbers: [Key: NumberRanges] = [:]

        var count: Int { self.numbers.values.reduce(0) { $0.saturatingSum($1.count) } }

        mutating func combine(with other: Names, _ operation: NodeSetExpression.Operator) {
            let keys =
                switch operation {
                case .union, .symmetricDifference, .difference: Array(other.numbers.keys)
                case .intersection: Array(self.numbers.keys)
                }
            for key in keys {
                let (own, others) = (self.numbers[key] ?? NumberRanges(), other.numbers[key] ?? NumberRanges())
                let result = own.combined(with: others, operation)
                self.numbers[key] = result.isEmpty ? nil : result
            }
        }
    }

    /// An operand, and what it does to what stands before it.
    private struct Operand {
        let operation: NodeSetExpression.Operator
        let content: Content

        enum Content {
            case names([String])
            case range(NodePattern, part: Int)
        }
    }

    /// Which number is kept as a range, by what stands around the numbers of a name.
    private var places: [[String]: Int] = [:]
    private var names = Names()

    /// How many names there are; `Int.max` if they are more than that.
    var count: Int { self.names.count }

    /// - Parameter expressions: Node sets, and what each does to those before it.
    /// - Throws: ``ArgumentError`` for what is none, and for what would have to be expanded and is too large for that.
    init(
        _ expressions: [(text: String, operation: NodeSetExpression.Operator)],
        _ groups: NodeGroups
    ) throws(ArgumentError) {
        var parsed: [(operands: [Operand], operation: NodeSetExpression.Operator)] = []
        // All ranges are known before the first name is looked at, as they decide how it is kept.
        for (text, operation) in expressions {
            parsed.append((try self.operands(of: text, groups), operation))
        }
        for (operands, operation) in parsed {
            var names = Names()
            for operand in operands { names.combine(with: self.names(of: operand), operand.operation) }
            self.names.combine(with: names, operation)
        }
    }

    // MARK: Operands

    private mutating func operands(of text: String, _ groups: NodeGroups) throws(ArgumentError) -> [Operand] {
        let expression: NodeSetExpression
        do throws(TargetSyntaxError) {
            expression = try NodeSetExpression(parsing: text)
        } catch {
            throw ArgumentError(error.description)
        }
        var operands: [Operand] = []
        for term in expression.terms {
            operands.append(Operand(operation: term.operation, content: try self.content(of: term.text, groups)))
        }
        return operands
    }

    private mutating func content(of text: String, _ groups: NodeGroups) throws(ArgumentError) -> Operand.Content {
        guard !text.isEmpty, text.utf8.first != UInt8(ascii: "@") else {
            return .names(try groups.names(inExpression: text))
        }
        let pattern = try NodeGroups.pattern(text)
        guard pattern.count > Self.threshold, let part = Self.rangePart(of: pattern) else {
            return .names(try groups.names(inExpression: text))
        }
        for (before, after) in Self.surroundings(of: pattern, part) {
            let place = Self.runs(of: before).count
            let texts = Self.texts(around: Self.runs(of: "\(before)0\(after)"), in: "\(before)0\(after)")
            guard self.places[texts, default: place] == place else {
                return .names(try groups.names(inExpression: text))
            }
            self.places[texts] = place
        }
        return .range(pattern, part: part)
    }

    /// The bracket with the most names, if it holds numbers only, with steps of 1, that no other digits touch, and if the
    /// others stand for few.
    private static func rangePart(of pattern: NodePattern) -> Int? {
        func size(_ part: NodePattern.Part) -> Int {
            guard case .choice(let items) = part else { return 1 }
            return items.reduce(0) { $0.saturatingSum($1.count) }
        }
        let parts = pattern.parts
        guard let largest = parts.indices.max(by: { size(parts[$0]) < size(parts[$1]) }),
            case .choice(let items) = parts[largest], items.allSatisfy({ self.ranges(of: $0) != nil })
        else { return nil }
        func touches(_ index: Int, _ isDigit: (String) -> Bool) -> Bool {
            guard parts.indices.contains(index) else { return false }
            guard case .text(let text) = parts[index] else { return true }
            return isDigit(text)
        }
        if touches(largest - 1, { $0.utf8.last.map(self.isDigit) ?? false })
            || touches(largest + 1, { $0.utf8.first.map(self.isDigit) ?? false })
        {
            return nil
        }
        let rest = parts.indices.filter { $0 != largest }.reduce(1) { $0.saturatingProduct(size(parts[$1])) }
        return rest <= self.threshold ? largest : nil
    }

    /// What stands before and behind a bracket, with all others expanded.
    private static func surroundings(of pattern: NodePattern, _ part: Int) -> [(before: String, after: String)] {
        let after = NodePattern(parts: Array(pattern.parts[(part + 1)...])).names
        return NodePattern(parts: Array(pattern.parts[..<part])).names.flatMap { before in
            after.map { (before, $0) }
        }
    }

    /// The numbers of an entry of a bracket by how many digits they have; nil for a word and for steps.
    private static func ranges(of item: NodePattern.Item) -> [(digits: Int, range: ClosedRange<Int>)]? {
        switch item {
        case .word(let word):
            guard let number = Int(word), word.utf8.allSatisfy(self.isDigit), word.utf8.count <= self.maximumDigits
            else { return nil }
            return [(word.utf8.count, number...number)]
        case .numbers(let range, let step, let width):
            guard step == 1 else { return nil }
            var result: [(digits: Int, range: ClosedRange<Int>)] = []
            var (first, power, digits) = (0, 10, 1)
            while first <= range.upperBound {
                let part = range.clamped(to: first...(power - 1))
                if range.overlaps(first...(power - 1)) { result.append((max(width, digits), part)) }
                (first, power, digits) = (power, power.saturatingProduct(10), digits + 1)
            }
            return result
        }
    }

    // MARK: Names

    private func names(of operand: Operand) -> Names {
        var ranges: [Key: [ClosedRange<Int>]] = [:]
        switch operand.content {
        case .names(let names):
            for name in names {
                let (key, number) = self.place(of: name)
                ranges[key, default: []].append(number...number)
            }
        case .range(let pattern, let part):
            guard case .choice(let items) = pattern.parts[part] else { break }
            let numbers = items.flatMap { Self.ranges(of: $0) ?? [] }
            for (before, after) in Self.surroundings(of: pattern, part) {
                for (digits, range) in numbers {
                    ranges[Key(before: before, after: after, digits: digits), default: []].append(range)
                }
            }
        }
        return Names(numbers: ranges.mapValues(NumberRanges.init))
    }

    /// How a name is kept.
    private func place(of name: String) -> (key: Key, number: Int) {
        let runs = Self.runs(of: name)
        guard let place = self.places[Self.texts(around: runs, in: name)], case let run = runs[place],
            run.count <= Self.maximumDigits, let number = Int(name[run.range])
        else { return (Key(before: name, after: "", digits: 0), 0) }
        let key = Key(
            before: String(name[..<run.range.lowerBound]),
            after: String(name[run.range.upperBound...]),
            digits: run.count
        )
        return (key, number)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// Where digits stand.
    private static func runs(of name: String) -> [(range: Range<String.Index>, count: Int)] {
        var runs: [(range: Range<String.Index>, count: Int)] = []
        var rest = name.utf8[...]
        while let start = rest.firstIndex(where: self.isDigit) {
            let digits = rest[start...].prefix(while: self.isDigit)
            runs.append((start..<digits.endIndex, digits.count))
            rest = rest[digits.endIndex...]
        }
        return runs
    }

    /// What stands around the digits.
    private static func texts(around runs: [(range: Range<String.Index>, count: Int)], in name: String) -> [String] {
        var texts: [String] = []
        var start = name.startIndex
        for run in runs {
            texts.append(String(name[start..<run.range.lowerBound]))
            start = run.range.upperBound
        }
        return texts + [String(name[start...])]
    }
}
