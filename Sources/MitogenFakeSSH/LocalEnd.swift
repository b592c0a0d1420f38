//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenFakeSSH
internal import CMitogenPlatform
internal import Mitogen
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// A descriptor of a program on this machine, which tasks read or write without blocking a thread.
///
/// One task at a time uses it, in one direction.
final class LocalEnd: Sendable {
    private enum Direction {
        case reading
        case writing
    }

    private struct State {
        var waiter: OneShot<Void>?
        /// Watches a duplicate, because a hang-up is told again and again, for as long as the side is there.
        var side: Broker.Side?
        var isHungUp = false
        var isClosed = false
    }

    private let descriptor: Int32
    private let broker: Broker
    private let state = Mutex(State())

    /// Takes a descriptor over.
    init(_ descriptor: Int32, broker: Broker) {
        let own = cmitogen_fakessh_nonblocking(descriptor)
        self.descriptor = own >= 0 ? own : descriptor
        self.broker = broker
    }

    deinit {
        close()
    }

    /// Closes it. Nobody waits for it then: tasks that do are cancelled first.
    func close() {
        let (side, isOpen) = state.withLock { state in
            defer { state.isClosed = true }
            return (state.side.take(), !state.isClosed)
        }
        if let side { broker.close(side) }
        if isOpen { _ = Self.closeDescriptor(descriptor) }
    }

    /// Lets go of what it leads to, while a task may be reading: that finds the end.
    func shutDown() {
        let null = cmitogen_open_null()
        if null >= 0 {
            // The number stays taken, so that nobody reads another file by it.
            _ = cmitogen_fakessh_replace(descriptor, null)
        }
        let (side, waiter) = state.withLock { state in
            state.isHungUp = true
            return (state.side.take(), state.waiter.take())
        }
        if let side { broker.close(side) }
        waiter?.resolve(.success(()))
    }

    /// The next bytes; nil at the end, if they cannot be read, and when the task is cancelled.
    func read(atMost size: Int = 64 << 10) async -> [UInt8]? {
        while true {
            var result = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
                result = cmitogen_read(descriptor, buffer.baseAddress, size)
                count = max(0, result)
            }
            if result > 0 { return bytes }
            guard result == -Int(EAGAIN), await isReady(.reading) else { return nil }
        }
    }

    /// Writes all of it.
    ///
    /// - Returns: False if that is not possible, or the task is cancelled.
    func write(_ bytes: [UInt8]) async -> Bool {
        var start = 0
        while start < bytes.count {
            let count = bytes.withUnsafeBytes { all in
                let rest = UnsafeRawBufferPointer(rebasing: all[start...])
                return cmitogen_write2(descriptor, rest.baseAddress, rest.count, nil, 0)
            }
            if count >= 0 {
                start += count
            } else {
                guard count == -Int(EAGAIN), await isReady(.writing) else { return false }
            }
        }
        return true
    }

    /// The first part of a request; nil if none comes.
    func receive() async -> (head: cmitogen_fakessh_request, descriptors: [Int32])? {
        while true {
            var head = cmitogen_fakessh_request()
            var descriptors: [Int32] = [-1, -1, -1]
            let result = cmitogen_fakessh_receive(descriptor, &head, &descriptors)
            if result == 1 { return (head, descriptors) }
            guard result == -EAGAIN, await isReady(.reading) else { return nil }
        }
    }

    /// Waits until it can be read or written, or the other end is gone; false if waiting is no use.
    private func isReady(_ direction: Direction) async -> Bool {
        let waiter = OneShot<Void>()
        let side = state.withLock { state -> Broker.Side? in
            guard !state.isHungUp, !state.isClosed else { return nil }
            state.waiter = waiter
            if state.side == nil { state.side = makeSide() }
            return state.side
        }
        guard let side else { return false }
        switch direction {
        case .reading: broker.startReceiving(side)
        case .writing: broker.startTransmitting(side)
        }
        do throws(MitogenError) {
            try await waiter.value()
            return true
        } catch {
            broker.stopReceiving(side)
            broker.stopTransmitting(side)
            return false
        }
    }

    private func makeSide() -> Broker.Side? {
        let copy = cmitogen_duplicate(descriptor, 3)
        guard copy >= 0 else { return nil }
        // It ends with the session, which is not to hold a shutdown up.
        return Broker.Side(descriptor: copy, keepsAlive: false) { [weak self] readiness in self?.wake(readiness) }
    }

    private func wake(_ readiness: Broker.Readiness) {
        let (waiter, side) = state.withLock { state in
            let side = state.side
            if readiness.contains(.hangup) { state.side = nil }
            // What is left is read and written without waiting, up to an end or an error.
            if readiness.contains(.hangup) { state.isHungUp = true }
            return (state.waiter.take(), side)
        }
        if let side {
            if readiness.contains(.hangup) {
                broker.close(side)
            } else {
                broker.stopReceiving(side)
                broker.stopTransmitting(side)
            }
        }
        waiter?.resolve(.success(()))
    }

    private static func closeDescriptor(_ descriptor: Int32) -> Int32 {
        #if canImport(Glibc)
            Glibc.close(descriptor)
        #elseif canImport(Musl)
            Musl.close(descriptor)
        #endif
    }
}
