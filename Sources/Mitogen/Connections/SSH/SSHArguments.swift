//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Arguments for ssh as somebody has typed them (ssh(1)): the letters of its options, and those of `-o`.
struct SSHArguments {
    /// The letters that stand alone, and those that a value follows.
    private(set) var letters: Set<Character> = []
    /// What was given to `-o`, in the order in which it was typed.
    private(set) var options: [(name: String, value: String)] = []
    /// The last value of each letter that takes one.
    private(set) var values: [Character: String] = [:]

    private static let lettersWithValue = Set("BDEFIJLOPQRSWbceilmopw")

    init(_ arguments: [String]) {
        var rest = arguments[...]
        while let word = rest.popFirst() {
            guard word.hasPrefix("-"), word != "--" else { continue }
            var letters = word.dropFirst()
            while let letter = letters.popFirst() {
                self.letters.insert(letter)
                guard Self.lettersWithValue.contains(letter) else { continue }
                let value = letters.isEmpty ? rest.popFirst() ?? "" : String(letters)
                letters = ""
                values[letter] = value
                if letter == "o" { options.append(Self.option(value)) }
            }
        }
    }

    /// `NAME=VALUE` or `NAME VALUE`, with quotes around the value if need be (ssh_config(5)).
    private static func option(_ text: String) -> (name: String, value: String) {
        func isSpace(_ character: Character) -> Bool { character == " " || character == "\t" }
        let text = text.drop(while: isSpace)
        let name = text.prefix { !isSpace($0) && $0 != "=" }
        var value = text[name.endIndex...].drop(while: isSpace)
        if value.first == "=" { value = value.dropFirst().drop(while: isSpace) }
        while let last = value.last, isSpace(last) { value.removeLast() }
        if value.count > 1, value.first == "\"", value.last == "\"" { value = value.dropFirst().dropLast() }
        return (String(name), String(value))
    }

    /// Whether an option was given, in whatever case.
    func has(_ name: String) -> Bool { options.contains { $0.name.lowercased() == name.lowercased() } }

    /// Whether ports are forwarded.
    var forwardsPorts: Bool {
        !letters.isDisjoint(with: "LRD") || ["LocalForward", "RemoteForward", "DynamicForward"].contains(where: has)
    }

    /// What makes a connection impossible: it needs ssh's standard input and output as they are, and a command.
    var problem: String? {
        if let letter = letters.intersection("GNOQVWfnst").min() {
            return "-\(letter) leaves no connection to run mitogen through"
        }
        let impossible = options.first { option in
            let value = option.value.lowercased()
            switch option.name.lowercased() {
            case "requesttty": return value == "yes" || value == "true" || value == "force"
            case "stdinnull", "forkafterauthentication": return value == "yes" || value == "true"
            case "sessiontype": return value != "default"
            case "remotecommand": return value != "none"
            default: return false
            }
        }
        return impossible.map { option in
            "\(option.name)=\(option.value) leaves no connection to run mitogen through, which needs ssh's standard input "
                + "and output as they are, and a command of its own"
        }
    }
}

extension ConnectionMethod.SSHOptions {
    /// Why ssh cannot make a connection with these arguments; nil if it can.
    package static func problem(withArguments arguments: [String]) -> String? { SSHArguments(arguments).problem }

    /// Why a text is no host's name, as the end of a sentence; nil if it may be one. The characters are those that ssh
    /// itself refuses from version 9.6 on, as they mean something to shells, and those that no name or address has.
    package static func problem(withHost hostname: String) -> String? {
        let impossible = hostname.unicodeScalars.first { scalar in
            scalar.value <= 32 || scalar.value == 127 || #"'"`$\;&<>|(){}/#,*?!"#.unicodeScalars.contains(scalar)
        }
        guard let impossible else { return nil }
        return impossible.value <= 32 || impossible.value == 127
            ? "may not have spaces or control characters" : "may not have '\(impossible)'"
    }
}
