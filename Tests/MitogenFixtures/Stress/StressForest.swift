//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// One context of a stress test.
final class StressMember: Sendable {
    let context: Context
    let pid: Int32
    let parent: StressMember?
    /// Whether it is about to end, or has ended: set before it is killed.
    private let isEnding = Atomic<Bool>(false)
    private let isAsked = Atomic<Bool>(false)

    init(context: Context, pid: Int32, parent: StressMember?) {
        self.context = context
        self.pid = pid
        self.parent = parent
    }

    /// Whether it, or what it is reached through, is about to end or has ended.
    var isDoomed: Bool { isEnding.load(ordering: .sequentiallyConsistent) || parent?.isDoomed == true }
    /// Whether that is because someone was asked to end, so that functions are cancelled.
    var isAskedToEnd: Bool { isAsked.load(ordering: .sequentiallyConsistent) || parent?.isAskedToEnd == true }
    var depth: Int { (parent?.depth ?? 0) + 1 }

    func isBelow(_ other: StressMember) -> Bool { parent === other || parent?.isBelow(other) == true }

    func doom(isAsked: Bool) {
        if isAsked { self.isAsked.store(true, ordering: .sequentiallyConsistent) }
        isEnding.store(true, ordering: .sequentiallyConsistent)
    }
}

/// The contexts of a stress test: a random tree that is cut and grows again.
final class StressForest: Sendable {
    private struct State {
        var members: [StressMember] = []
        /// Contexts that are being started.
        var starting = 0
        var pids: [Int32] = []
    }

    let router: Router
    let size: Int
    private let state = Mutex(State())

    init(router: Router, size: Int) {
        self.router = router
        self.size = size
    }

    var members: [StressMember] { state.withLock { $0.members } }
    /// The processes of all contexts that there have ever been.
    var pids: [Int32] { state.withLock { $0.pids } }

    func pick(_ random: inout SeededRandom) -> StressMember? {
        members.randomElement(using: &random)
    }

    /// Starts a context, if there are not enough: false if there are.
    func plant(_ random: inout SeededRandom) async throws -> Bool {
        let isNeeded = state.withLock { state in
            guard state.members.count + state.starting < size else { return false }
            state.starting += 1
            return true
        }
        guard isNeeded else { return false }
        defer { state.withLock { $0.starting -= 1 } }
        let parent = random.once(in: 3) ? nil : pick(&random).flatMap { $0.depth < 6 ? $0 : nil }
        do {
            let context = try await router.local(via: parent?.context)
            let pid = try await context.call(ProcessID())
            let member = StressMember(context: context, pid: pid, parent: parent)
            state.withLock { state in
                state.pids.append(pid)
                if !member.isDoomed { state.members.append(member) }
            }
        } catch {
            guard parent?.isDoomed == true else { throw error }
        }
        return true
    }

    /// Kills a context without a word.
    func kill(_ random: inout SeededRandom) {
        guard let victim = remove(&random, isAsked: false) else { return }
        Glibc.kill(victim.pid, SIGKILL)
    }

    /// Asks a context to end, and waits until it has.
    func shutDown(_ random: inout SeededRandom) async throws {
        guard let victim = remove(&random, isAsked: true) else { return }
        try await shutDown(victim)
    }

    func shutDown(_ member: StressMember) async throws {
        member.doom(isAsked: true)
        forgetDoomed()
        try await member.context.shutdown(waits: true, timeout: .seconds(20))
    }

    private func remove(_ random: inout SeededRandom, isAsked: Bool) -> StressMember? {
        guard let victim = pick(&random) else { return nil }
        victim.doom(isAsked: isAsked)
        forgetDoomed()
        return victim
    }

    private func forgetDoomed() {
        state.withLock { state in state.members.removeAll { $0.isDoomed } }
    }
}
