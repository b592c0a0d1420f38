//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Names one chain of calls in its callee: who calls, and what the caller named the chain.
package struct ChainKey: Hashable, Sendable {
    package let source: ContextID
    package let id: String

    package init(source: ContextID, id: String) {
        self.source = source
        self.id = id
    }
}

/// The chains of calls that a context serves: whose turn it is, and which chains have failed (Mitogen semantics,
/// section 6.6).
///
/// The calls of a chain run one after the other, in the order in which they came. After one has failed, the others
/// fail with its error and do not run, until the chain is reset. That comes in order, too: what was sent before a reset
/// still sees the failure.
///
/// Only chains that have something to do, or have failed, take up memory. Failed ones are remembered until they are
/// reset or their caller is gone, up to ``failureLimit`` for each caller. A caller that has so many begins no new
/// chain: forgetting the oldest instead would let calls run that must not.
package struct ChainTable: Sendable {
    /// What stands for a call. Any object, for the reason given at ``HandleTable``.
    package typealias Call = any AnyObject & Sendable

    /// What happens to the call whose turn it is.
    package enum Turn: Sendable {
        /// It runs; the next one comes after ``ChainTable/end(of:failure:)``.
        case run(Call)
        /// It does not run, but fails like the one before. The next one comes at once.
        case fail(Call, RemoteFailure)
    }

    private enum Item: Sendable {
        case call(Call)
        case reset
    }

    private struct Chain: Sendable {
        /// What has come last is first in here, if it is not in ``waiting`` yet.
        var waiting: [Item] = []
        var arrived: [Item] = []
        var isBusy = false
        var failure: RemoteFailure?

        var isForgettable: Bool { !isBusy && failure == nil && waiting.isEmpty && arrived.isEmpty }

        mutating func popFirst() -> Item? {
            if waiting.isEmpty {
                waiting = arrived.reversed()
                arrived = []
            }
            return waiting.popLast()
        }
    }

    /// How many failed chains are remembered for each caller.
    package static let failureLimit = 1000

    private var chains: [ChainKey: Chain] = [:]
    private var failures: [ContextID: Int] = [:]
    private var isClosed = false

    package init() {}

    /// How many chains take up memory.
    package var count: Int { chains.count }

    /// A call has come. It gets its turn from ``next(of:)``.
    package mutating func add(_ call: Call, to key: ChainKey) {
        guard !isClosed else { return }
        chains[key, default: Chain()].arrived.append(.call(call))
    }

    /// The chain is to forget its failure, after the calls that have come before.
    package mutating func reset(_ key: ChainKey) {
        guard !isClosed, chains[key] != nil else { return }
        chains[key]?.arrived.append(.reset)
    }

    /// The call whose turn it is; nil if there is none, or one runs.
    package mutating func next(of key: ChainKey) -> Turn? {
        guard var chain = chains[key], !chain.isBusy else { return nil }
        chains[key] = nil  // so that the queue is changed in place, not copied
        defer { if !chain.isForgettable { chains[key] = chain } }
        while let item = chain.popFirst() {
            switch item {
            case .reset:
                if chain.failure.take() != nil { forgetFailure(of: key.source) }
            case .call(let call):
                if let failure = chain.failure { return .fail(call, failure) }
                if failures[key.source, default: 0] >= Self.failureLimit {
                    return .fail(call, Self.tooManyFailures)
                }
                chain.isBusy = true
                return .run(call)
            }
        }
        return nil
    }

    /// The call that ran has ended; `failure` is what the others fail with, nil if they may go on.
    package mutating func end(of key: ChainKey, failure: RemoteFailure?) {
        // A chain whose caller has gone in the meantime is not there any more.
        guard var chain = chains[key], chain.isBusy else { return }
        chains[key] = nil
        chain.isBusy = false
        if let failure {
            chain.failure = failure
            failures[key.source, default: 0] += 1
        }
        if !chain.isForgettable { chains[key] = chain }
    }

    /// The caller is gone, and its chains with it. What still runs is not waited for.
    package mutating func removeAll(from source: ContextID) {
        chains = chains.filter { $0.key.source != source }
        failures[source] = nil
    }

    /// The context ends: nothing gets its turn any more.
    package mutating func close() {
        isClosed = true
        chains = [:]
        failures = [:]
    }

    private mutating func forgetFailure(of source: ContextID) {
        guard let count = failures[source] else { return }
        failures[source] = count > 1 ? count - 1 : nil
    }

    private static var tooManyFailures: RemoteFailure {
        RemoteFailure(
            typeName: "Mitogen.MitogenError.\(MitogenError.Code.misuse)",
            message: "\(failureLimit) chains of calls have failed and were not reset, so no new one begins"
        )
    }
}
