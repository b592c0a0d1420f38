//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import Synchronization

/// Gives what is read from one source to every target of a run, as fast as the slowest of them takes it.
///
/// One piece is held at a time. The next one is read when every target that still takes part has taken this one and
/// at least one asks for more, so nothing is read that nobody wants. A target that is done leaves and holds up nobody.
final class InputBroadcast: Sendable {
    /// A piece of input; nil at the end.
    typealias Read = @Sendable () -> [UInt8]?

    private struct State {
        var piece: [UInt8] = []
        /// How many pieces were read.
        var count = 0
        var isReading = false
        var isAtEnd = false
        /// How many pieces each target has taken that takes part.
        var taken: [Int: Int] = [:]
        var waiters: [Int: OneShot<[UInt8]?>] = [:]

        var mustRead: Bool {
            !self.isReading && !self.isAtEnd && !self.waiters.isEmpty
                && self.taken.values.allSatisfy { $0 == self.count }
        }
    }

    private let state: Mutex<State>
    private let read: Read

    /// - Parameters:
    ///   - targets: How many targets take part, until they leave.
    ///   - read: Reads the next piece; it may block.
    init(targets: Int, _ read: @escaping Read) {
        let taken = Dictionary(uniqueKeysWithValues: (0..<targets).map { ($0, 0) })
        self.state = Mutex(State(taken: taken))
        self.read = read
    }

    /// The input for one target.
    func stream(for target: Int) -> AsyncStream<[UInt8]> {
        AsyncStream { await self.next(for: target) }
    }

    /// The target takes no more input.
    func leave(_ target: Int) {
        let waiter = self.state.withLock { state in
            state.taken[target] = nil
            return state.waiters.removeValue(forKey: target)
        }
        waiter?.resolve(.success(nil))
        self.readIfNeeded()
    }

    private func next(for target: Int) async -> [UInt8]? {
        let (isOver, piece, waiter) = self.state.withLock { state -> (Bool, [UInt8]?, OneShot<[UInt8]?>?) in
            guard let taken = state.taken[target] else { return (true, nil, nil) }
            if taken < state.count {
                state.taken[target] = state.count
                return (false, state.piece, nil)
            }
            if state.isAtEnd { return (true, nil, nil) }
            let waiter = OneShot<[UInt8]?>()
            state.waiters[target] = waiter
            return (false, nil, waiter)
        }
        if isOver { return nil }
        self.readIfNeeded()
        guard let waiter else { return piece }
        // A command that ends while it waits for input cancels the wait.
        let next = try? await waiter.value()
        return next ?? nil
    }

    private func readIfNeeded() {
        let mustRead = self.state.withLock { state in
            guard state.mustRead else { return false }
            state.isReading = true
            return true
        }
        guard mustRead else { return }
        // Unstructured, because a read cannot be cancelled: nobody may have to wait for it. It blocks a thread of the
        // library's executor, which makes others for other tasks.
        Task(executorPreference: FunctionExecutor.shared) { self.distribute(self.read()) }
    }

    private func distribute(_ piece: [UInt8]?) {
        let waiters = self.state.withLock { state in
            state.isReading = false
            if let piece {
                state.piece = piece
                state.count += 1
                for target in state.waiters.keys { state.taken[target] = state.count }
            } else {
                state.isAtEnd = true
            }
            defer { state.waiters = [:] }
            return state.waiters.values.map { $0 }
        }
        for waiter in waiters { waiter.resolve(.success(piece)) }
        self.readIfNeeded()
    }
}
