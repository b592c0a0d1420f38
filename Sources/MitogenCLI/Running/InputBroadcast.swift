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
        /// What the targets that take part have not taken yet.
        var targets: [Int: Mailbox<[UInt8]?>]
        /// Those of them that ask for more.
        var waiting: Set<Int> = []
        /// Stays true after the end.
        var isReading = false

        var mustRead: Bool {
            !self.isReading && !self.waiting.isEmpty && self.targets.values.allSatisfy { $0.isDrained }
        }
    }

    private let state: Mutex<State>
    private let read: Read

    /// - Parameters:
    ///   - targets: How many targets take part, until they leave.
    ///   - read: Reads the next piece; it may block.
    init(targets: Int, _ read: @escaping Read) {
        self.state = Mutex(State(targets: Dictionary(uniqueKeysWithValues: (0..<targets).map { ($0, Mailbox()) })))
        self.read = read
    }

    /// The input for one target.
    func stream(for target: Int) -> AsyncStream<[UInt8]> {
        AsyncStream { await self.next(for: target) }
    }

    /// The target takes no more input.
    func leave(_ target: Int) {
        let pieces = self.state.withLock { state in
            state.waiting.remove(target)
            return state.targets.removeValue(forKey: target)
        }
        pieces?.close(with: .cancelledCaller)
        self.readIfNeeded()
    }

    private func next(for target: Int) async -> [UInt8]? {
        guard let pieces = self.state.withLock({ $0.targets[target] }) else { return nil }
        if case .success(let piece)? = pieces.poll() {
            self.readIfNeeded()
            return piece
        }
        self.state.withLock { state in
            if state.targets[target] != nil { state.waiting.insert(target) }
        }
        self.readIfNeeded()
        // A command that ends while it waits for input cancels the wait.
        let piece = try? await pieces.get()
        self.state.withLock { _ = $0.waiting.remove(target) }
        // Another target may have asked meanwhile, while this one had its piece in front of it.
        self.readIfNeeded()
        return piece ?? nil
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
        let targets = self.state.withLock { state in
            state.waiting = []
            return state.targets.values.map { $0 }
        }
        for target in targets {
            if let piece { target.put(piece) } else { target.finish(with: nil) }
        }
        guard piece != nil else { return }
        self.state.withLock { $0.isReading = false }
        self.readIfNeeded()
    }
}
