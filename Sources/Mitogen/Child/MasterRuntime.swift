//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Dispatch  // links the library whose main queue is drained here; a static program has it anyway
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
        switch serve(configuration: configuration, body) {
        case .success: exit(0)
        case .failure(let error):
            cmitogen_complain("\(ProcessIdentity.programName): error: \(error)\n")
            exit(1)
        }
    }

    /// Returns when the body has, and its router has ended.
    static func serve<Success: Sendable>(
        configuration: RouterConfiguration,
        _ body: @escaping @Sendable (Router) async throws -> Success
    ) -> Result<Success, any Error> {
        cmitogen_configure_allocator()
        let mainThread = MainThread<Result<Success, any Error>>()
        // Unstructured, because this is where the program's tasks begin.
        Task(executorPreference: FunctionExecutor.shared) {
            do {
                mainThread.leave(with: .success(try await withRouter(configuration: configuration, body)))
            } catch {
                mainThread.leave(with: .failure(error))
            }
        }
        return mainThread.serve()
    }
}

/// The main thread's work: run what is isolated to the main actor, until told to leave.
final class MainThread<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)
    private let wake: Int32

    init() {
        wake = cmitogen_eventfd_create()
    }

    deinit {
        _ = systemClose(wake)
    }

    /// Makes ``serve()`` return this, or what an earlier call has said.
    func leave(with value: Value) {
        self.value.withLock { $0 = $0 ?? value }
        cmitogen_eventfd_signal(wake)
    }

    /// Runs the main actor's jobs on the calling thread, which must be the main one. Returns what ``leave(with:)`` was
    /// told.
    func serve() -> Value {
        let queue = cmitogen_main_queue_descriptor()
        while true {
            if let value = value.withLock({ $0 }) { return value }
            var watched = [
                pollfd(fd: queue, events: Int16(POLLIN), revents: 0),
                pollfd(fd: wake, events: Int16(POLLIN), revents: 0),
            ]
            _ = poll(&watched, 2, -1)
            if watched[0].revents != 0 { cmitogen_main_queue_drain() }
        }
    }
}
