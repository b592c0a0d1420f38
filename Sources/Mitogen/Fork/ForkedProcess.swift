//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import MitogenProtocol

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

// What a forked process does on its way to a context.
extension ChildRuntime {
    /// Resolved when calls may begin, or with why they may not.
    static let forkedStart = OneShot<Void>()

    /// The context is connected: runs its start function, sets the limits that only hold for calls, and lets them begin.
    static func startForked(_ setup: ForkSetup, _ router: Router) throws(MitogenError) {
        if let onStart = setup.onStart {
            let function = try onStart.decode(as: (any ForkStartFunction).self)
            let context = ExternalContext(router: router, caller: router.context(router.parentIDs[0]))
            do {
                try ExternalContext.$current.withValue(context) { try function.run(in: context) }
            } catch {
                fail("the start function has failed: \(error)", status: 72)
            }
        }
        guard setup.delaysCalls else { return }
        let outcome = Result { () throws(MitogenError) in try setup.limits.restrictMemoryAndFiles() }
        router.broker.schedule { forkedStart.resolve(outcome) }
    }
}

extension ForkSetup {
    /// Whether something is to be done between the connection and the first call.
    var delaysCalls: Bool { onStart != nil || limits.memory != nil || limits.openFiles != nil }

    /// First of all, while there is one thread.
    func begin() throws(MitogenError) {
        try limits.restrictProcessor()
        guard let onFork else { return }
        let function = try onFork.decode(as: (any ForkFunction).self)
        try StandardStreams.settingAside { () throws(MitogenError) in
            do {
                try function.run()
            } catch {
                throw MitogenError(.callError, "the fork function has failed: \(error)")
            }
        }
    }
}

extension ProcessLimits {
    /// What the stacks of the process's threads may take, which the kernel counts as memory.
    private static let stackRoom = 32 << 20

    /// What a process that is forked here has for hard limits, this one has.
    ///
    /// - Throws: ``MitogenError`` with `.notPermitted` if a limit is above that.
    func checkPermitted() throws(MitogenError) {
        func check(_ value: Int?, _ what: Int, _ name: String) throws(MitogenError) {
            let most = cmitogen_hard_limit(Int32(what))
            if let value, UInt64(value) > most { throw Self.notPermitted("\(name) cannot be \(value)", most) }
        }
        try check(processorTime.map { Int($0.roundedUpToSeconds) }, CMITOGEN_PROCESSOR_TIME, "processorTime in seconds")
        try check(memory, CMITOGEN_MEMORY, "memory")
        try check(openFiles, CMITOGEN_OPEN_FILES, "openFiles")
    }

    private static func notPermitted(_ what: String, _ most: UInt64) -> MitogenError {
        MitogenError(
            .notPermitted,
            "\(what), because the hard limit of the process that forks is \(most)",
            hint: "raise the hard limit of that context (ulimit -H), or ask for less"
        )
    }

    fileprivate func restrictProcessor() throws(MitogenError) {
        if let nice { try check(cmitogen_set_nice(Int32(nice)), "cannot set the nice value \(nice)") }
        if let processorTime {
            try check(
                cmitogen_limit_processor_time(UInt64(processorTime.roundedUpToSeconds)),
                "cannot limit the processor time"
            )
        }
    }

    /// Only when the process has all that it needs for itself.
    fileprivate func restrictMemoryAndFiles() throws(MitogenError) {
        if let openFiles { try check(OpenFilesLimit.set(openFiles), "cannot limit the open files to \(openFiles)") }
        guard let memory else { return }
        let used = cmitogen_data_memory()
        guard used >= 0 else { throw .system("cannot tell how much memory the process has", errno: Int32(-used)) }
        let beginning = used + Int64(Self.stackRoom)
        let limit = UInt64(beginning) + UInt64(memory)
        let most = cmitogen_hard_limit(Int32(CMITOGEN_MEMORY))
        // What the process has is only known here.
        guard limit <= most else {
            throw Self.notPermitted("memory cannot be \(memory) beside the \(beginning) that it begins with", most)
        }
        try check(
            cmitogen_limit_memory(limit),
            "cannot limit the memory to \(memory) bytes more than the \(used) there"
        )
    }

    private func check(_ result: Int32, _ what: String) throws(MitogenError) {
        if result < 0 { throw .system(what, errno: -result, .notPermitted) }
    }
}
