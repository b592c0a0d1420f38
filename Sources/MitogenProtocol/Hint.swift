//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What to try about a failure: a text with names in it, which are cases and not words.
///
/// A program reads the names of the API, a user of the tool those of its options. Each side has one table of them:
/// ``Name/apiText`` here, and the tool's own.
///
/// ```swift
/// let hint: Hint = "allow more time with \\(.connectTimeout)"
/// ```
package struct Hint: Sendable, Hashable {
    /// Something that is called one thing in the API and another by the tool.
    package enum Name: String, Sendable, CaseIterable {
        /// Says nothing. A hint that has it is about the program's code, and no user of the tool is told.
        case programsOnly
        case acceptedHostKeys
        case becomePassword
        case configFile
        case configuredHostKeys
        case connectTimeout
        /// How the Python interpreter of this machine is named.
        case controllerPython
        case doasPrompt
        case enforcedHostKeys
        /// Where the program is installed, in an image that cannot be written to.
        case executableInImage
        /// Where else than in a folder that the library chooses the program can be.
        case executableElsewhere
        /// How many connections are made at a time.
        case fanout
        case identityFile
        case isRecursive
        case maxMessageSize
        /// How another Python interpreter is named.
        case otherInterpreter
        case passphrase
        case password
        case passwordPrompt
        case payloadProvider
        case port
        case requestsTerminal
        case sudoPrompt
        case suPrompt
        case toolPath
        case via
        case writesInPlace
    }

    /// The text, in which a name stands between two marks. This is also what travels between contexts.
    package private(set) var encoded: String

    private static let mark: Unicode.Scalar = "\u{1}"

    /// A text without names.
    package init(_ text: String) {
        encoded = Self.withoutMarks(text)
    }

    /// What another context has sent. A name that is not known stands for itself.
    package init(encoded: String) {
        self.encoded = encoded
    }

    private init(name: Name) {
        encoded = "\(Self.mark)\(name.rawValue)\(Self.mark)"
    }

    private static func withoutMarks(_ text: String) -> String {
        var text = text
        text.unicodeScalars.removeAll { $0 == mark }
        return text
    }

    /// The text with each name as `text` has it.
    package func text(_ text: (Name) -> String) -> String {
        parts.reduce(into: "") { result, part in
            switch part {
            case .text(let words): result += words
            case .name(let name): result += text(name)
            }
        }
    }

    /// The text for programs.
    package var apiText: String { text(\.apiText) }

    /// The names in it.
    package var names: [Name] {
        parts.compactMap { part in
            if case .name(let name) = part { name } else { nil }
        }
    }

    private enum Part {
        case text(String)
        case name(Name)
    }

    private var parts: [Part] {
        encoded.unicodeScalars.split(separator: Self.mark, omittingEmptySubsequences: false).enumerated().map {
            let words = String($1)
            // Between the first and the second mark is a name, between the second and the third is text, and so on.
            guard !$0.isMultiple(of: 2), let name = Name(rawValue: words) else { return .text(words) }
            return .name(name)
        }
    }

    package static func + (left: Hint, right: Hint) -> Hint { Hint(encoded: left.encoded + right.encoded) }
}

extension Hint: ExpressibleByStringInterpolation {
    package init(stringLiteral text: String) {
        self.init(text)
    }

    package init(stringInterpolation: StringInterpolation) {
        encoded = stringInterpolation.encoded
    }

    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var encoded = ""

        package init(literalCapacity: Int, interpolationCount: Int) {}

        package mutating func appendLiteral(_ text: String) { encoded += text }
        package mutating func appendInterpolation(_ name: Name) { encoded += Hint(name: name).encoded }
        package mutating func appendInterpolation(_ hint: Hint) { encoded += hint.encoded }
        package mutating func appendInterpolation(_ text: String) { encoded += Hint(text).encoded }
        package mutating func appendInterpolation(_ text: some CustomStringConvertible) {
            encoded += Hint(text.description).encoded
        }
    }
}

extension Hint.Name {
    /// What it is called in the API.
    package var apiText: String {
        switch self {
        case .programsOnly, .fanout: ""
        case .acceptedHostKeys: "`hostKeyCheck = .accept`"
        case .becomePassword, .password: "`password`"
        case .configFile: "`configFile`"
        case .configuredHostKeys: "`hostKeyCheck = .configured`"
        case .connectTimeout: "`connectTimeout`"
        case .controllerPython: "`configurePython`"
        case .doasPrompt, .passwordPrompt, .sudoPrompt, .suPrompt: "`passwordPrompt`"
        case .enforcedHostKeys: "`hostKeyCheck = .enforce`"
        case .executableInImage: ", so put the program into the image and name it with `executable`"
        case .executableElsewhere: "; or install the program there and name it with `executable`"
        case .identityFile: "`identityFile`"
        case .isRecursive: "`isRecursive`"
        case .maxMessageSize: ", or raise `RouterConfiguration.maxMessageSize`"
        case .otherInterpreter: "; name another one with `.python(_:)`"
        case .passphrase: "`passphrase`"
        case .payloadProvider: " or supply it with a `PayloadProvider`"
        case .port: "`port`"
        case .requestsTerminal: "`requestsTerminal`"
        case .toolPath: ", or name its path in the options of the connection"
        case .via: "`via`"
        case .writesInPlace: "`writesInPlace`"
        }
    }
}
