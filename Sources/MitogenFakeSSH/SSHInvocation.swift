//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenProtocol

/// What an ssh was asked to do by its arguments, as OpenSSH's `main` reads them.
///
/// The connection is there already. So options about how it is made, and the host, say nothing; those that ask for
/// something else than a command are refused.
struct SSHInvocation: Sendable, Equatable {
    enum Request: Sendable, Equatable {
        case command(ByteString)
        case sftp
        /// `-V`.
        case version
    }

    var request: Request
    /// Patterns of variables to pass on (`SendEnv`).
    private(set) var sentVariables: [String] = []
    /// Variables to set, as `NAME=VALUE` (`SetEnv`).
    private(set) var setVariables: [ByteString] = []
    /// Whether the command reads nothing (`-n`).
    private(set) var readsNothing = false
    private var isSubsystem = false
    private var terminalRequests = 0

    /// Why the arguments are not followed, in the words that are written to standard error.
    struct Refusal: Error, Equatable {
        let text: String

        init(_ text: String) {
            self.text = text
        }
    }

    /// Reads the arguments, without the program's name.
    ///
    /// Options may be before and after the host, and end with `--`; whatever follows belongs to the command.
    init(_ arguments: [ByteString]) throws(Refusal) {
        request = .version
        var words = arguments[...]
        var hasHost = false
        // A "--" in front of the host ends the options behind it as well.
        var optionsEnd = false
        while let word = words.first {
            if !optionsEnd, word.bytes == Array("--".utf8) {
                words.removeFirst()
                optionsEnd = true
                if hasHost { break }
            } else if !optionsEnd, word.bytes.first == UInt8(ascii: "-"), word.bytes.count > 1 {
                words.removeFirst()
                if try read(word.bytes.dropFirst(), &words) { return }
            } else {
                if hasHost { break }
                words.removeFirst()
                hasHost = true
            }
        }
        guard hasHost else { throw Refusal("there is no host among the arguments") }
        try setRequest(words)
    }

    private mutating func setRequest(_ words: ArraySlice<ByteString>) throws(Refusal) {
        if terminalRequests > 1 {
            throw Refusal("a terminal (-tt) is not possible; commands run without one")
        }
        let command = ByteString(bytes: Array(words.map(\.bytes).joined(separator: [0x20])))
        if isSubsystem {
            guard command.bytes == Array("sftp".utf8) else {
                throw Refusal("the subsystem '\(command)' is not known; there is only sftp")
            }
            request = .sftp
        } else {
            guard !command.bytes.isEmpty else {
                throw Refusal("there is no command to run, and no login without one")
            }
            request = .command(command)
        }
    }

    /// Reads a word of options; the value of the last may be the next word.
    ///
    /// - Returns: Whether nothing more counts.
    private mutating func read(
        _ letters: ArraySlice<UInt8>,
        _ words: inout ArraySlice<ByteString>
    ) throws(Refusal) -> Bool {
        var letters = letters
        while let letter = letters.popFirst() {
            let option = "-\(Unicode.Scalar(letter))"
            switch SSHOption(letter) {
            case nil: throw Refusal("unknown option '\(ByteString(bytes: [UInt8(ascii: "-"), letter]))'")
            case .flag: try set(letter)
            case .value:
                // What is left of the word, or else the next one.
                guard let value = letters.isEmpty ? words.popFirst() : ByteString(bytes: Array(letters)) else {
                    throw Refusal("option '\(option)' needs a value")
                }
                if letter == UInt8(ascii: "o") { try set(SSHAssignment(value)) }
                return false
            case .refused(let reason): throw Refusal("\(option) is not possible: \(reason)")
            }
            if letter == UInt8(ascii: "V") { return true }
        }
        return false
    }

    private mutating func set(_ letter: UInt8) throws(Refusal) {
        switch letter {
        case UInt8(ascii: "s"): isSubsystem = true
        case UInt8(ascii: "n"): readsNothing = true
        case UInt8(ascii: "t"): terminalRequests += 1
        case UInt8(ascii: "T"): terminalRequests = 0
        default: break
        }
    }

    private mutating func set(_ assignment: SSHAssignment) throws(Refusal) {
        switch assignment.meaning {
        case .none: break
        case .sendVariables: sentVariables += assignment.words.filter { !$0.hasPrefix("-") }
        case .setVariables:
            // The first value of a name counts, as for all options.
            setVariables += assignment.value.split(separator: 0x20).map { ByteString(bytes: Array($0)) }
        case .standardInput: readsNothing = assignment.isYes
        case .terminal:
            terminalRequests = ["force": 2, "yes": 1][assignment.text] ?? 0
        case .session:
            if assignment.text == "none" {
                throw Refusal("SessionType none is not possible: there is only the command")
            }
            isSubsystem = assignment.text == "subsystem"
        case .refusedUnless(let harmless, let reason):
            guard harmless.contains(assignment.text) else {
                throw Refusal("the option \(assignment.name) is not possible: \(reason)")
            }
        }
    }
}
