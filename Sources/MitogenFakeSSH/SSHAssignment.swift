//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen

/// The value of an `-o`: `NAME=VALUE` or `NAME VALUE`, as ssh_config(5) has it.
struct SSHAssignment: Equatable {
    enum Meaning: Equatable {
        /// It is about how the connection is made, or about what is not there.
        case none
        case sendVariables
        case setVariables
        case standardInput
        case terminal
        case session
        case refusedUnless([String], String)
    }

    let name: String
    let value: [UInt8]

    init(_ text: ByteString) {
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 }
        let trimmed = text.bytes.drop(while: isBlank)
        let name = trimmed.prefix { !isBlank($0) && $0 != UInt8(ascii: "=") }
        self.name = String(decoding: name, as: UTF8.self)
        var rest = trimmed.dropFirst(name.count).drop(while: isBlank)
        if rest.first == UInt8(ascii: "=") { rest = rest.dropFirst().drop(while: isBlank) }
        while let last = rest.last, isBlank(last) { rest.removeLast() }
        value = Array(rest)
    }

    /// The value in lower case: names of values are not case-sensitive in most places.
    var text: String { String(decoding: value, as: UTF8.self).lowercased() }
    var isYes: Bool { text == "yes" || text == "true" }
    var words: [String] { String(decoding: value, as: UTF8.self).split(separator: " ").map(String.init) }

    var meaning: Meaning {
        let forwarding = "the connection is mitogen's, and forwards nothing"
        return switch name.lowercased() {
        case "sendenv": .sendVariables
        case "setenv": .setVariables
        case "stdinnull": .standardInput
        case "requesttty": .terminal
        case "sessiontype": .session
        case "remotecommand": .refusedUnless(["none"], "the command is the one among the arguments")
        case "localforward", "remoteforward", "dynamicforward", "stdioforward": .refusedUnless([], forwarding)
        case "tunnel": .refusedUnless(["no", "false"], forwarding)
        case "forkafterauthentication":
            .refusedUnless(["no", "false"], "the connection ends with the program that was started")
        default: .none
        }
    }
}
