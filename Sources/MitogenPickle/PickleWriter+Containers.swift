//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension PickleWriter {
    /// Starts a tuple of a known number of items.
    public mutating func beginTuple(count: Int) throws(PickleError) {
        try enter(levels: 1)
        if count > 3 {
            append(.mark)
        }
        open(Frame(kind: .tuple, expected: count))
    }

    /// Starts a list. If the number of items is known, the output is shorter for lists of one item.
    public mutating func beginList(count: Int? = nil) throws(PickleError) {
        try enter(levels: 1)
        append(.emptyList)
        appendStore(.anonymous)
        open(Frame(kind: .list, expected: count ?? -1))
    }

    /// Starts a dictionary, in which keys and values follow in turn.
    public mutating func beginDictionary(count: Int? = nil) throws(PickleError) {
        try enter(levels: 1)
        append(.emptyDict)
        appendStore(.anonymous)
        open(Frame(kind: .dictionary, expected: count.map { $0 * 2 } ?? -1))
    }

    /// Starts keyword arguments (`mitogen.core.Kwargs`), in which names and values follow in turn.
    public mutating func beginKeywordArguments(count: Int? = nil) throws(PickleError) {
        try enter(levels: 2)
        appendGlobal(.keywordArguments)
        append(.emptyDict)
        appendStore(.anonymous)
        open(Frame(kind: .keywordArguments, expected: count.map { $0 * 2 } ?? -1))
    }

    /// Ends the tuple, list, dictionary or keyword arguments that were started last.
    public mutating func endContainer() throws(PickleError) {
        guard frame.expected < 0 || frame.written == frame.expected else {
            throw Self.misuse("\(frame.written) values are written where \(frame.expected) were announced")
        }
        switch frame.kind {
        case .outside, .stream, .fragment: throw Self.misuse("a container is ended that was not started")
        case .tuple: endTuple()
        case .list: closeBatch()
        case .dictionary, .keywordArguments: try endPairs()
        }
        depth -= frame.kind == .keywordArguments ? 2 : 1
        close()
        didWrite()
    }

    private mutating func enter(levels: Int) throws(PickleError) {
        guard depth + levels <= options.depthLimit else {
            throw PickleError(.limitExceeded, "values are nested deeper than \(options.depthLimit) levels")
        }
        try willWrite()
        depth += levels
    }

    private mutating func endTuple() {
        switch frame.written {
        case 0: return append(.emptyTuple)
        case 1: append(.tuple1)
        case 2: append(.tuple2)
        case 3: append(.tuple3)
        default: append(.tuple)
        }
        appendStore(.anonymous)
    }

    private mutating func endPairs() throws(PickleError) {
        guard frame.written.isMultiple(of: 2) else {
            throw Self.misuse("a key is written without a value")
        }
        closeBatch()
        if options.memoizes && frame.written > 0 && frame.written.isMultiple(of: Self.batchSize * frame.unit) {
            // CPython looks for more after each full batch, and writes one without pairs if there are none.
            append(.mark)
            append(.setItems)
        }
        if frame.kind == .keywordArguments {
            append(.tuple1)
            appendStore(.anonymous)
            append(.reduce)
            appendStore(.anonymous)
        }
    }
}
