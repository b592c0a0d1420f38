//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What a Python master sends to a context that it starts: the text of its own implementation, of which only the last line
/// is for a Swift program (Mitogen semantics, sections 5.2 and 5.3).
package struct PythonParent: Sendable {
    package let configuration: ChildConfiguration
    /// What starts Python contexts below this one, with that text; nil if the master's command is of another form.
    package let program: PythonProgram?

    package enum Failure: Error {
        /// More bytes are to come.
        case incomplete
        case malformed(String)
    }

    /// The most bytes that the text may have; that of 2026 has 75 KB.
    private static let limit = 4 << 20

    /// - Parameters:
    ///   - bytes: What the master has sent so far.
    ///   - words: The words of the command, behind those that started this program.
    package init(_ bytes: [UInt8], words: [String]) throws(Failure) {
        let text: [UInt8]
        do throws(ZlibStream.Failure) {
            text = try ZlibStream.decompress(bytes, limit: Self.limit)
        } catch {
            if error == .incomplete { throw .incomplete }
            throw .malformed("it is not compressed as zlib does")
        }
        let end = text.lastIndex { $0 != 10 && $0 != 13 } ?? -1
        let start = (text[..<(end + 1)].lastIndex(of: 10) ?? -1) + 1
        let items = try Self.items(text[start..<(end + 1)])
        // Without a name and a size at its end, a command has both inside of its text.
        let isKnown = words.count >= 5 && words[0] == "-c" && UInt(words[words.count - 1]) != nil
        configuration = try Self.configuration(items, name: isKnown ? words[words.count - 2] : "python")
        let own = ["parent_ids", "context_id", "debug", "profiling", "unidirectional", "max_message_size"]
        let rest = items.filter { !own.contains($0.key) }.map { "'\($0.key)': \($0.value.text)" }
        program =
            isKnown
            ? PythonProgram(
                text: Array(text[..<max(0, start - 1)]),
                head: Array(words.dropLast(2)),
                tail: [],
                settings: rest.joined(separator: ", ")
            ) : nil
    }

    private static func items(_ line: ArraySlice<UInt8>) throws(Failure) -> [(key: String, value: PythonLiteral)] {
        let text = String(decoding: line, as: UTF8.self)
        guard let open = text.firstIndex(of: "("), let close = text.lastIndex(of: ")"),
            let end = text[..<close].lastIndex(of: ")"), open < end,
            case .dictionary(let items)? = PythonLiteral(text[text.index(after: open)..<end])
        else { throw .malformed("its last line is no configuration: \(text.prefix(200))") }
        return items
    }

    private static func configuration(
        _ items: [(key: String, value: PythonLiteral)],
        name: String
    ) throws(Failure) -> ChildConfiguration {
        func value(_ key: String) -> PythonLiteral? { items.first { $0.key == key }?.value }
        guard case .list(let ancestors, _)? = value("parent_ids"), !ancestors.isEmpty,
            case .number(let id)? = value("context_id"), let contextID = ContextID(exactly: id),
            case .number(let size)? = value("max_message_size"), size > 0
        else { throw .malformed("its configuration has no parent_ids, context_id or max_message_size") }
        var parentIDs: [ContextID] = []
        for ancestor in ancestors {
            guard case .number(let number) = ancestor, let id = ContextID(exactly: number) else {
                throw .malformed("parent_ids are no numbers")
            }
            parentIDs.append(id)
        }
        var level = 20
        if case .number(let number)? = value("log_level") { level = number }
        if case .list(let levels, _)? = value("log_levels"), case .number(let number)? = levels.first { level = number }
        return ChildConfiguration(
            parentIDs: parentIDs,
            contextID: contextID,
            debug: value("debug")?.text == "True",
            profiling: value("profiling")?.text == "True",
            unidirectional: value("unidirectional")?.text == "True",
            maxMessageSize: size,
            logLevel: level,
            version: "",
            remoteName: name,
            image: "",
            ancestors: []
        )
    }
}
