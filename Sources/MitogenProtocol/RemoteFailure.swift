//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import MitogenPickle

/// How a remote function failed: the error's type, its text, what is known of the place, and, if the error is
/// `Codable`, its value.
public struct RemoteFailure: Sendable, Hashable {
    /// The error's type with its module, e.g. `Shop.OutOfStock` or, from Python, `builtins.ValueError`.
    public let typeName: String
    public let message: String
    /// Where it happened: the function and context, or Python's traceback.
    public let traceback: String?
    /// The error, encoded. Nil if its type is not `Codable`, its value takes more than 1 MiB, or it comes from Python;
    /// see ``decode(as:)``.
    public let value: PickleValue?
    /// The mangled name of the error's type, by which a copy of the same program finds it.
    package let typeIdentifier: String?

    public init(typeName: String, message: String, traceback: String? = nil, value: PickleValue? = nil) {
        self.init(typeName: typeName, message: message, traceback: traceback, value: value, typeIdentifier: nil)
    }

    package init(
        typeName: String,
        message: String,
        traceback: String?,
        value: PickleValue?,
        typeIdentifier: String?
    ) {
        self.typeName = typeName
        self.message = message
        self.traceback = traceback
        self.value = value
        self.typeIdentifier = typeIdentifier
    }

    /// The error that the function threw.
    ///
    /// ```swift
    /// catch {
    ///     if let overdrawn = error.remote?.decode(as: Overdrawn.self) { print(overdrawn.missing) }
    /// }
    /// ```
    ///
    /// - Parameter type: The error's type, with the same name on both sides. For an error of another program, whose
    ///   types have other names, cast ``value``.
    /// - Returns: Nil if the function threw an error of another type, or the value did not come along or is malformed.
    public func decode<Failure: Error & Decodable>(as type: Failure.Type) -> Failure? {
        guard let value, typeName == String(reflecting: type) else { return nil }
        return try? value.cast(to: type)
    }

    /// Takes a CallError's text apart: `module.Class: message`, then traceback lines, which start with two spaces.
    package init(callErrorText text: String) {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        var traceback: [Substring] = []
        while lines.count > 1, let last = lines.last, last.hasPrefix("  ") || last.isEmpty {
            traceback.insert(last, at: 0)
            lines.removeLast()
        }
        while traceback.last?.isEmpty == true { traceback.removeLast() }
        let head = lines.joined(separator: "\n")
        let place = traceback.isEmpty ? nil : traceback.joined(separator: "\n")
        // By hand: `firstRange(of:)` would bring the regular expression engine into every payload (1 MB).
        let colon = head.indices.first { head[$0] == ":" && head[head.index(after: $0)...].first == " " }
        if let colon, Self.isTypeName(head[..<colon]) {
            self.init(
                typeName: String(head[..<colon]),
                message: String(head[head.index(colon, offsetBy: 2)...]),
                traceback: place
            )
        } else {
            self.init(typeName: "", message: head, traceback: place)
        }
    }

    /// The text that travels; shorter than the 10,000 characters that readers accept.
    package var callErrorText: String {
        let limit = 9000
        var text = "\(typeName): \(message)"
        if text.unicodeScalars.count > limit {
            text = String(String.UnicodeScalarView(text.unicodeScalars.prefix(limit))) + "…"
        }
        if let traceback, text.unicodeScalars.count + traceback.unicodeScalars.count < 9900 { text += "\n\(traceback)" }
        return text
    }

    /// The names under which an error that is an answer to cancelling travels.
    package static let cancellationTypeName = "Swift.CancellationError"

    package var error: MitogenError {
        if typeName == Self.cancellationTypeName {
            return MitogenError(.cancelled, "the remote function was cancelled", remote: self)
        }
        return MitogenError(.callError, typeName.isEmpty ? message : "\(typeName): \(message)", remote: self)
    }

    private static func isTypeName(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.unicodeScalars.allSatisfy {
                $0.properties.isAlphabetic || "0123456789_.<>, ".contains(Character($0))
            }
    }
}
