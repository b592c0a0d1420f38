//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import MitogenPickle

/// The answer of a function that failed: a pickled `CallError`, and behind it, if the error is `Codable`, a second
/// pickle with the name of its type and its value. Python reads the first pickle of a message and ignores the rest, so
/// it sees a plain `CallError`.
extension RemoteFailure {
    /// The most bytes that an error's value may take: failed chains of calls remember it.
    package static let valueLimit = 1 << 20

    /// What the error was, for the one who called; nil if it is not `Codable`.
    ///
    /// - Throws: ``PickleError`` if its value cannot be encoded, or takes more than ``valueLimit``.
    package static func value(of error: any Error) throws(PickleError) -> PickleValue? {
        guard let error = error as? any Error & Codable else { return nil }
        let data = try PickleEncoder(options: .init(bytesStyle: .binary)).encode(error)
        guard data.count <= valueLimit else {
            throw PickleError(.limitExceeded, "\(data.count) bytes are more than the \(valueLimit) of an error's value")
        }
        return try PickleReader.decodeFirst(data, limits: .fitting(data))
    }

    /// The data of the answer.
    ///
    /// - Parameter limit: The most bytes that it may have. The value is left out if it does not fit, or is too deep to be
    ///   a part of something.
    package func answer(limit: Int) throws(PickleError) -> [UInt8] {
        var text = PickleWriter()
        try text.writeStream(.callError(callErrorText))
        guard let value else { return text.bytes }
        var rest = PickleWriter(options: .init(bytesStyle: .binary))
        do throws(PickleError) {
            try rest.writeStream(.tuple([typeIdentifier.map { .string($0) } ?? .none, value]))
        } catch {
            return text.bytes
        }
        let data = text.bytes + rest.bytes
        return data.count <= limit ? data : text.bytes
    }

    /// What an answer says.
    ///
    /// - Parameters:
    ///   - text: The text of the `CallError` that is first in the data.
    ///   - data: The data of the answer. A second pickle that is malformed, or larger than ``valueLimit``, is ignored.
    package init(callErrorText text: String, in data: [UInt8]) {
        let plain = RemoteFailure(callErrorText: text)
        var reader = PickleReader(data, limits: .fitting(data))
        guard data.count - text.utf8.count <= Self.valueLimit + 4096,
            (try? reader.next()) != nil, case .tuple(let parts)? = try? reader.next(), parts.count == 2
        else {
            self = plain
            return
        }
        var identifier: String?
        if case .string(let name) = parts[0] { identifier = name }
        self.init(
            typeName: plain.typeName,
            message: plain.message,
            traceback: plain.traceback,
            value: parts[1],
            typeIdentifier: identifier
        )
    }
}
