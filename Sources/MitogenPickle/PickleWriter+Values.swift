//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension PickleWriter {
    /// Writes any value.
    ///
    /// - Throws: ``PickleError`` if it is nested too deep, or breaks a rule that the reader would enforce.
    public mutating func write(_ value: PickleValue) throws(PickleError) {
        switch value {
        case .none: try writeNone()
        case .bool(let value): try write(value)
        case .int(let value): try write(value)
        case .bigInteger(let value): try write(value)
        case .float(let value): try write(value)
        case .string(let text): try write(text)
        case .bytes(let data): try write(bytes: data)
        case .list(let items):
            try beginList(count: items.count)
            try finish(items)
        case .tuple(let items):
            try beginTuple(count: items.count)
            try finish(items)
        case .dictionary(let pairs):
            try beginDictionary(count: pairs.count)
            try finish(pairs)
        case .keywordArguments(let pairs):
            try beginKeywordArguments(count: pairs.count)
            try finish(pairs)
        case .blob(let data): try write(blob: data)
        case .secret(let text): try write(secret: text)
        case .callError(let text): try write(callError: text)
        case .context(let id, let name):
            // One that was read may be longer than what can be written.
            try writeContext(id: id, name: name.map { String($0.unicodeScalars.prefix(99)) })
        case .sender(let id, let handle): try writeSender(contextID: id, handle: handle)
        }
    }

    /// Writes bytes marked as bulk data (`mitogen.core.Blob`).
    public mutating func write(blob data: [UInt8]) throws(PickleError) {
        try writeCall(of: .blob, count: 1) { (writer) throws(PickleError) in try writer.write(bytes: data) }
    }

    /// Writes text marked as confidential (`mitogen.core.Secret`).
    public mutating func write(secret text: String) throws(PickleError) {
        try writeCall(of: .secret, count: 1) { (writer) throws(PickleError) in try writer.write(text) }
    }

    /// Writes the text of an exception (`mitogen.core.CallError`), of fewer than 10000 characters.
    public mutating func write(callError text: String) throws(PickleError) {
        guard text.unicodeScalars.count < PickleReader.callErrorLimit else {
            throw PickleError(.invalidValue, "the text of a CallError is too long")
        }
        try writeCall(of: .callErrorFunction, count: 1) { (writer) throws(PickleError) in try writer.write(text) }
    }

    /// Writes a reference to a context (`mitogen.core.Context`), whose name has fewer than 100 characters: Mitogen before
    /// 0.3.52 takes no longer one, and a later one up to 500.
    public mutating func writeContext(id: UInt32, name: String?) throws(PickleError) {
        guard (name?.unicodeScalars.count ?? 0) < 100 else {
            throw PickleError(.invalidValue, "the name of a context is too long")
        }
        try writeCall(of: .context, count: 2) { (writer) throws(PickleError) in
            try writer.write(Int(id))
            if let name {
                try writer.write(name)
            } else {
                try writer.writeNone()
            }
        }
    }

    /// Writes a reference to a handle of a context (`mitogen.core.Sender`); the handle is not zero.
    public mutating func writeSender(contextID: UInt32, handle: UInt32) throws(PickleError) {
        guard handle > 0 else {
            throw PickleError(.invalidValue, "the handle of a sender is zero")
        }
        try writeCall(of: .sender, count: 2) { (writer) throws(PickleError) in
            try writer.write(Int(contextID))
            try writer.write(Int(handle))
        }
    }

    private mutating func finish(_ items: [PickleValue]) throws(PickleError) {
        for item in items {
            try write(item)
        }
        try endContainer()
    }

    private mutating func finish(_ pairs: PickleDictionary) throws(PickleError) {
        for (key, value) in pairs.entries {
            guard key.isHashableInPython else {
                throw PickleError(.unencodable, "a \(key.kind) cannot be a key")
            }
            try write(key)
            try write(value)
        }
        try endContainer()
    }

    /// Writes the call of a global with one or two arguments.
    private mutating func writeCall(
        of global: PickleGlobal,
        count: Int,
        _ body: (inout PickleWriter) throws(PickleError) -> Void
    ) throws(PickleError) {
        try willWrite()
        appendGlobal(global)
        // The tuple is no value of the container around it, so that one must not count it.
        open(Frame(kind: .tuple, expected: count))
        try body(&self)
        append(count == 1 ? .tuple1 : .tuple2)
        appendStore(.anonymous)
        close()
        append(.reduce)
        appendStore(.anonymous)
        didWrite()
    }
}
