//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

/// A command line that a first stage, or the program, is put into.
struct CommandTemplate: Sendable, Codable {
    /// How the first stage stands in it.
    enum Form: String, Sendable, Codable {
        /// As the words of a command.
        case words
        /// As those but `sh`, which stands elsewhere.
        case wordsAfterShell
        /// As words for a tool that joins them for a login shell.
        case loginWords
        /// As one text for a shell.
        case text
        /// Not at all.
        case nothing
    }

    /// What stands for the connection's random word: nothing else in a command line can be a zero byte.
    static let random = "\0"

    var before: [String]
    var form: Form
    var after: [String] = []

    init(_ before: [String], _ form: Form, _ after: [String] = []) {
        self.before = before
        self.form = form
        self.after = after
    }

    /// The command line that runs a first stage.
    func arguments(for stage: FirstStage) -> [String] {
        let command =
            switch form {
            case .words: stage.arguments
            case .wordsAfterShell: Array(stage.arguments.dropFirst())
            case .loginWords: stage.loginArguments
            case .text: [stage.shellCommand]
            case .nothing: [String]()
            }
        return arguments(running: command, random: stage.random)
    }

    /// The command line that runs a command.
    ///
    /// - Parameter file: What stands for ``ProgramCopyCommands/localFile``.
    func arguments(running command: [String] = [], random: String, file: String = "") -> [String] {
        let fill = { Self.fill($0, random, file) }
        return before.map(fill) + command + after.map(fill)
    }

    /// Puts the random word, or the file where there are two, in the places of zero bytes.
    static func fill(_ word: String, _ random: String, _ file: String = "") -> String {
        guard word.utf8.contains(0) else { return word }
        var result: [UInt8] = []
        var zeros = 0
        for byte in word.utf8 {
            if byte == 0 {
                zeros += 1
                continue
            }
            if zeros > 0 { result += (zeros > 1 ? file : random).utf8 }
            zeros = 0
            result.append(byte)
        }
        if zeros > 0 { result += (zeros > 1 ? file : random).utf8 }
        return String(decoding: result, as: UTF8.self)
    }
}
