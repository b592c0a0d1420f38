//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Why a pickle could not be read or written.
///
/// Python Mitogen raises several exception types here (section 2.4 of the semantics); this one type stands for all of
/// them. Neither the message nor the description contains data of the value, which may be secret.
public struct PickleError: Error, Sendable {
    /// One reference, so that functions which return normally do not pay for a large error.
    private var storage: Storage

    /// What went wrong, in a form for programs.
    public var code: Code { storage.code }

    /// What went wrong, in a form for people.
    public var message: String { storage.message }

    /// Where in the message the opcode is that could not be executed, counted in bytes from its start.
    public var offset: Int? { storage.offset }

    /// The opcode that could not be executed.
    public var opcode: UInt8? { storage.opcode }

    /// Where in a `Codable` value the problem is, such as `address.lines[2]`; empty if not known or at its root.
    public var codingPath: String { storage.codingPath }

    /// An error.
    ///
    /// - Parameters:
    ///   - code: What went wrong.
    ///   - message: The same for people; must not contain confidential data.
    ///   - offset: The place of the opcode that failed.
    ///   - opcode: The opcode that failed.
    ///   - codingPath: The place in a `Codable` value.
    public init(_ code: Code, _ message: String, offset: Int? = nil, opcode: UInt8? = nil, codingPath: String = "") {
        self.storage = Storage(code: code, message: message, offset: offset, opcode: opcode, codingPath: codingPath)
    }

    /// The same error with the place of the opcode.
    func located(at offset: Int, opcode: UInt8?) -> PickleError {
        PickleError(code, message, offset: offset, opcode: opcode, codingPath: codingPath)
    }

    /// The same error with the place in a `Codable` value, unless it has one already.
    func located(in path: [any CodingKey]) -> PickleError {
        guard codingPath.isEmpty, !path.isEmpty else {
            return self
        }
        return PickleError(code, message, offset: offset, opcode: opcode, codingPath: PickleError.text(of: path))
    }

    private final class Storage: Sendable {
        let code: Code
        let message: String
        let offset: Int?
        let opcode: UInt8?
        let codingPath: String

        init(code: Code, message: String, offset: Int?, opcode: UInt8?, codingPath: String) {
            self.code = code
            self.message = message
            self.offset = offset
            self.opcode = opcode
            self.codingPath = codingPath
        }
    }
}

extension PickleError: CustomStringConvertible {
    /// Code, message, and as far as known the opcode, its offset and the coding path.
    public var description: String {
        var text = "\(code): \(message)"
        if let opcode {
            text += " (opcode \(PickleOpcode.describe(opcode))"
            text += offset.map { " at offset \($0))" } ?? ")"
        } else if let offset {
            text += " (at offset \(offset))"
        }
        if !codingPath.isEmpty {
            text += " (coding path \(codingPath))"
        }
        return text
    }
}
