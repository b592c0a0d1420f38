//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// `close(2)`, under a name that methods called `close` do not hide.
func systemClose(_ descriptor: Int32) -> Int32 {
    close(descriptor)
}

/// Starts a detached thread that takes no signals; 0 or a negative errno. A stack size of 0 means the system's default.
func startThread(named name: String, stackSize: Int = 0, _ body: @escaping @Sendable () -> Void) -> Int32 {
    final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    let box = Unmanaged.passRetained(Box(body))
    let result = cmitogen_thread_start(
        name,
        stackSize,
        { argument in
            guard let argument else { return }
            Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body()
        },
        box.toOpaque()
    )
    if result != 0 { box.release() }
    return result
}

/// A place where one thread sleeps until another wakes it.
final class Parker: @unchecked Sendable {
    // Sendable because the pointer never changes and the C functions are made to be called from different threads.
    private let parker: OpaquePointer

    init?() {
        guard let parker = cmitogen_parker_create() else { return nil }
        self.parker = parker
    }

    deinit {
        cmitogen_parker_destroy(parker)
    }

    /// Sleeps until ``unpark()``, or for `nanoseconds` (nil: for ever). False if the time ran out.
    @discardableResult
    func park(nanoseconds: Int64? = nil) -> Bool {
        cmitogen_parker_park(parker, nanoseconds ?? -1)
    }

    func unpark() {
        cmitogen_parker_unpark(parker)
    }
}
