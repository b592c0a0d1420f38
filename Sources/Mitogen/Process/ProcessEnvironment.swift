//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The variables that a command has.
///
/// A literal is what changes in those of its context; nil removes a variable:
///
/// ```swift
/// try await host.run(["make"], environment: ["CC": "clang", "MAKEFLAGS": nil])
/// try await host.run(["env"], environment: .only(["PATH": "/usr/bin:/bin"]))
/// ```
public struct ProcessEnvironment: Sendable, Hashable {
    /// Whether the context's own variables are there, too.
    let isInherited: Bool
    /// What is set, or removed with nil.
    private(set) var changes: [ByteString: ByteString?]

    /// The context's own variables.
    public static let inherited = ProcessEnvironment(isInherited: true, changes: [:])

    /// These variables, and no others.
    ///
    /// A program that is named without a `/` is looked for in the `PATH` among them, or in `/usr/bin:/bin`.
    public static func only<Word: ProcessWord>(_ variables: [Word: Word]) -> ProcessEnvironment {
        ProcessEnvironment(isInherited: false, changes: [:]).updating(variables.mapValues(Optional.some))
    }

    /// The same variables with some of them set, or removed.
    ///
    /// - Parameter changes: The new values; nil removes a variable.
    public func updating<Word: ProcessWord>(_ changes: [Word: Word?]) -> ProcessEnvironment {
        var new = self
        for (name, value) in changes { new.changes[name.byteString] = .some(value?.byteString) }
        return new
    }

    /// What is set, as `NAME=VALUE`.
    var additions: [ByteString] {
        changes.compactMap { name, value in value.map { ByteString(bytes: name.bytes + "=".utf8 + $0.bytes) } }
    }

    /// The names of what is removed.
    var removals: [ByteString] { changes.filter { $0.value == nil }.map(\.key) }
}

extension ProcessEnvironment: ExpressibleByDictionaryLiteral {
    /// The context's own variables with these changes; of a name that is there twice the last value counts.
    public init(dictionaryLiteral elements: (String, String?)...) {
        self = ProcessEnvironment.inherited.updating(Dictionary(elements) { _, last in last })
    }
}
