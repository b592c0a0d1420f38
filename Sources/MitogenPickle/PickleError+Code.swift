//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension PickleError {
    /// The kinds of error. More can be added, so a `switch` needs a `default`.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Wrapped {
            case truncated
            case malformed
            case unknownOpcode
            case forbiddenGlobal
            case limitExceeded
            case invalidValue
            case typeMismatch
            case missingKey
            case unencodable
        }

        private let wrapped: Wrapped

        /// The data ends before the value does.
        public static let truncated = Code(wrapped: .truncated)
        /// The data is not a pickle, or one that no pickler writes.
        public static let malformed = Code(wrapped: .malformed)
        /// An opcode outside the ones that Mitogen peers use.
        public static let unknownOpcode = Code(wrapped: .unknownOpcode)
        /// A class or function that Mitogen does not allow in messages.
        public static let forbiddenGlobal = Code(wrapped: .forbiddenGlobal)
        /// More than ``PickleLimits`` allows, or more than the format can express.
        public static let limitExceeded = Code(wrapped: .limitExceeded)
        /// A value that breaks the rules for its type, such as a context with a negative ID.
        public static let invalidValue = Code(wrapped: .invalidValue)
        /// A value of another type than the one asked for.
        public static let typeMismatch = Code(wrapped: .typeMismatch)
        /// A dictionary without a key that the type asked for needs.
        public static let missingKey = Code(wrapped: .missingKey)
        /// A value that cannot be written as a pickle.
        public static let unencodable = Code(wrapped: .unencodable)

        /// The name of the code.
        public var description: String { "\(wrapped)" }
    }

    /// A coding path as text: names joined by dots, positions in brackets.
    static func text(of path: [any CodingKey]) -> String {
        path.reduce(into: "") { text, key in
            // Properties and dictionaries can have integer keys too; positions are told apart by how they are named.
            if let position = key.intValue, key.stringValue == "Index \(position)" {
                text += "[\(position)]"
            } else {
                text += text.isEmpty ? key.stringValue : ".\(key.stringValue)"
            }
        }
    }

    /// Any error that a `Codable` implementation threw, as a pickle error. The path is for errors that have none.
    static func wrapping(_ error: any Error, otherwise code: Code, in path: [any CodingKey]) -> PickleError {
        switch error {
        case let error as PickleError:
            error
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
            PickleError(.typeMismatch, context.debugDescription, codingPath: text(of: context.codingPath))
        case DecodingError.keyNotFound(_, let context):
            PickleError(.missingKey, context.debugDescription, codingPath: text(of: context.codingPath))
        case DecodingError.dataCorrupted(let context):
            PickleError(
                context.underlyingError.flatMap { ($0 as? PickleError)?.code } ?? .invalidValue,
                context.debugDescription,
                codingPath: text(of: context.codingPath)
            )
        case EncodingError.invalidValue(_, let context):
            PickleError(
                context.underlyingError.flatMap { ($0 as? PickleError)?.code } ?? .unencodable,
                context.debugDescription,
                codingPath: text(of: context.codingPath)
            )
        default:
            PickleError(code, String(describing: error), codingPath: text(of: path))
        }
    }
}
