//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Runs a program's body with a router while the main thread serves the main actor.
enum MasterRuntime {
    /// Does not return: the process exits with 0, or with 1 if the body threw.
    static func run(configuration: RouterConfiguration, _ body: @escaping @Sendable (Router) async throws -> Void)
        -> Never
    {
        cmitogen_configure_allocator()
        let finished = MainThread()
        // Unstructured, because this is where the program's tasks begin.
        Task(executorPreference: FunctionExecutor.shared) {
            let status: Int32
            do {
                try await withRouter(configuration: configuration, body)
                status = 0
            } catch {
                cmitogen_complain("\(ProcessIdentity.programName): error: \(error)\n")
                status = 1
            }
            finished.leave(with: status)
        }
        exit(finished.serve())
    }
}

/// The main thread's work: run what is isolated to the main actor, until told to leave.
final class MainThread: Sendable {
    private let status = Mutex<Int32?>(nil)
    private let wake: Int32

    init() {
        wake = cmitogen_eventfd_create()
    }

    /// Makes ``serve()`` return.
    func leave(with code: Int32) {
        status.withLock { $0 = $0 ?? code }
        cmitogen_eventfd_signal(wake)
    }

    /// Runs the main actor's jobs on the calling thread, which must be the main one. Returns what ``leave(with:)`` was
    /// told.
    func serve() -> Int32 {
        let queue = cmitogen_main_queue_descriptor()
        while true {
            if let code = status.withLock({ $0 }) { return code }
            var watched = [
                pollfd(fd: queue, events: Int16(POLLIN), revents: 0),
                pollfd(fd: wake, events: Int16(POLLIN), revents: 0),
            ]
            _ = poll(&watched, 2, -1)
            if watched[0].revents != 0 { cmitogen_main_queue_drain() }
        }
    }
}
