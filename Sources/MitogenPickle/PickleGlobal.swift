//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The only classes and functions a pickle may name (Mitogen wire protocol, section 2.4).
enum PickleGlobal: UInt8, Sendable, Hashable, CaseIterable {
    case callErrorFunction
    case callErrorClass
    case context
    case sender
    case blob
    case secret
    case keywordArguments
    case codecsEncode
    case bytes

    /// The module and the name, as they follow the `GLOBAL` opcode.
    var lines: String {
        switch self {
        case .callErrorFunction: "mitogen.core\n_unpickle_call_error\n"
        case .callErrorClass: "mitogen.core\nCallError\n"
        case .context: "mitogen.core\n_unpickle_context\n"
        case .sender: "mitogen.core\n_unpickle_sender\n"
        case .blob: "mitogen.core\nBlob\n"
        case .secret: "mitogen.core\nSecret\n"
        case .keywordArguments: "mitogen.core\nKwargs\n"
        case .codecsEncode: "_codecs\nencode\n"
        case .bytes: "__builtin__\nbytes\n"
        }
    }

    /// The global that two lines name, or the error that Python Mitogen raises for any other.
    ///
    /// The comparison is by bytes: Swift's string equality would take some other characters for ASCII letters.
    ///
    /// - Parameter lines: The module and the name, each ended by a line feed.
    static func find(_ lines: ArraySlice<UInt8>) throws(PickleError) -> PickleGlobal {
        for global in allCases where global.lines.utf8.count == lines.count {
            if global.lines.utf8.elementsEqual(lines) {
                return global
            }
        }
        let names = lines.dropLast().split(separator: 0x0A, omittingEmptySubsequences: false)
        let texts = names.compactMap { String(validating: $0, as: UTF8.self) }.map(PythonRepr.text)
        guard texts.count == 2 else {
            throw PickleError(.malformed, "the name of a global is not UTF-8")
        }
        throw PickleError(.forbiddenGlobal, "cannot unpickle \(texts[0])/\(texts[1])")
    }
}
