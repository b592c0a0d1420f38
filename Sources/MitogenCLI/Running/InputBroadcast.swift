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
        var isReading = false
        var isAtEnd = false
        /// The targets that take part.
        var targets: Set<Int>
        /// Those of them that have not taken the piece yet.
        var behind: Set<Int> = []
        var waiters: [Int: OneShot<[UInt8]?>] = [:]

        var mustRead: Bool {
            !self.isReading && !self.isAtEnd && !self.waiters.isEmpty && self.behind.isEmpty
        }
    }

    private let state: Mutex<State>
    private let read: Read

    /// - Parameters:
    ///   - targets: How many targets take part, until they leave.
    ///   - read: Reads the next piece; it may block.
    init(targets: Int, _ read: @escaping Read) {
        self.state = Mutex(State(targets: Set(0..<targets)))
        self.read = read
    }

    /// The input for one target.
    func stream(for target: Int) -> AsyncStream<[UInt8]> {
        AsyncStream { await self.next(for: target) }
    }

    /// The target takes no more input.
    func leave(_ target: Int) {
        let waiter = self.state.withLock { state in
            state.targets.remove(target)
            state.behind.remove(target)
            return state.waiters.removeValue(forKey: target)
        }
        waiter?.resolve(.success(nil))
        self.readIfNeeded()
    }

    private func next(for target: Int) async -> [UInt8]? {
        let (isOver, piece, waiter) = self.state.withLock { state -> (Bool, [UInt8]?, OneShot<[UInt8]?>?) in
            guard state.targets.contains(target) else { return (true, nil, nil) }
            if state.behind.remove(target) != nil { return (false, state.piece, nil) }
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
                state.behind = state.targets.subtracting(state.waiters.keys)
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
