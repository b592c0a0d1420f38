//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import MitogenPickle

/// One record of a child's log on its way to the master (Mitogen wire protocol, section 1.7).
///
/// Everyone understands `name NUL level NUL text`, which has the metadata behind the text. A master that is known to
/// be one of this implementation gets the pickled tuple of these three and the metadata.
package struct ForwardedLog: Sendable, Equatable {
    package let name: String
    /// Python's numbers: 10 debug, 20 info, 30 warning, 40 error, 50 critical.
    package let level: Int
    package let text: String
    /// Texts, and lists and dictionaries of them, by texts.
    package let metadata: PickleDictionary

    /// How many bytes of text a record has at most.
    package static let textLimit = 64 << 10
    private static let nameLimit = 200

    package init(name: String, level: Int, text: String, metadata: PickleDictionary = [:]) {
        self.name = Self.cut(name, to: Self.nameLimit)
        self.level = level
        self.text = Self.cut(text, to: Self.textLimit)
        self.metadata = metadata.isEmpty ? metadata : LogMetadata.bounded(metadata)
    }

    /// Nil if the data is not of the form that everyone understands. Only the first two NULs separate.
    package init?(parsing data: [UInt8]) {
        let parts = data.split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, let level = Int(String(decoding: parts[1], as: UTF8.self)) else { return nil }
        self.init(
            name: String(decoding: parts[0], as: UTF8.self),
            level: level,
            text: String(decoding: parts[2], as: UTF8.self)
        )
    }

    /// Nil if the message has neither of the two forms.
    package init?(_ message: Message) {
        guard message.encoding == .pickle else {
            self.init(parsing: message.data)
            return
        }
        guard case .tuple(let items)? = try? message.unpickle(), items.count == 4,
            case .string(let name) = items[0], case .int(let level) = items[1],
            case .string(let text) = items[2], case .dictionary(let metadata) = items[3]
        else { return nil }
        self.init(name: name, level: level, text: text, metadata: metadata)
    }

    /// The record for every master.
    package var message: Message {
        let suffix = metadata.isEmpty ? "" : " \(LogMetadata.text(metadata))"
        return Message(handle: StandardHandle.forwardLog, data: Array("\(name)\0\(level)\0\(text)\(suffix)".utf8))
    }

    /// The record for a master that takes metadata as what it is.
    package var structuredMessage: Message {
        guard !metadata.isEmpty, let data = structuredData else { return message }
        return Message(handle: StandardHandle.forwardLog, encoding: .pickle, data: data)
    }

    private var structuredData: [UInt8]? {
        var writer = PickleWriter()
        do throws(PickleError) {
            try writer.writeStream(.tuple([.string(name), .int(level), .string(text), .dictionary(metadata)]))
        } catch {
            return nil
        }
        return writer.bytes
    }

    /// At most so many bytes of the text, and a mark if that is not all.
    package static func cut(_ text: String, to limit: Int) -> String {
        guard text.utf8.count > limit else { return text }
        var end = text.utf8.index(text.startIndex, offsetBy: limit)
        while end.samePosition(in: text.unicodeScalars) == nil { end = text.utf8.index(before: end) }
        return String(text.unicodeScalars[..<end]) + "…"
    }
}
