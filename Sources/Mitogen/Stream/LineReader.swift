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

/// Cuts what arrives on a descriptor into lines.
final class LineReader: Sendable {
    private struct State {
        var rest: [UInt8] = []
        var side: Broker.Side?
        var hasEnded = false
    }

    /// A longer line is passed on in pieces, so that memory is bounded.
    private static let longestLine = 64 << 10

    private let state = Mutex(State())
    private let broker: Broker
    private let isCapture: Bool
    private let isFull: @Sendable () -> Bool
    private let raw: (@Sendable (UnsafeRawBufferPointer) -> Void)?
    private let line: @Sendable (String) -> Void
    private let ended = OneShot<Void>()

    /// Reads `descriptor`, which it owns.
    ///
    /// - Parameters:
    ///   - isCapture: Whether a fatal signal's handler is to find what was read last.
    ///   - isFull: Whether lines cannot be passed on just now: then nothing is read, which holds up whoever writes.
    ///   - raw: Called on the Broker's thread with everything as it arrives, before it is cut.
    ///   - line: Called on the Broker's thread for every line, without its newline.
    init(
        descriptor: Int32,
        broker: Broker,
        isCapture: Bool = false,
        isFull: @escaping @Sendable () -> Bool = { false },
        raw: (@Sendable (UnsafeRawBufferPointer) -> Void)? = nil,
        line: @escaping @Sendable (String) -> Void
    ) {
        self.broker = broker
        self.isCapture = isCapture
        self.isFull = isFull
        self.raw = raw
        self.line = line
        _ = cmitogen_set_nonblocking(descriptor, true)
        let side = Broker.Side(descriptor: descriptor, keepsAlive: false) { [weak self] _, scratch in
            self?.receive(descriptor, scratch)
            self?.holdBack()
        }
        state.withLock { $0.side = side }
        broker.startReceiving(side)
    }

    deinit {
        if let side = state.withLock({ $0.side.take() }) { broker.close(side) }
    }

    /// Reads no more until there is room for what has been read.
    private func holdBack() {
        guard isFull(), let side = state.withLock({ $0.side }) else { return }
        broker.stopReceiving(side)
        broker.schedule(after: .milliseconds(5)) { [weak self] in
            guard let self, let side = state.withLock({ $0.side }) else { return }
            if isFull() { holdBack() } else { broker.startReceiving(side) }
        }
    }

    /// Calls `body` when everything has been read.
    func whenEnded(_ body: @escaping @Sendable () -> Void) {
        ended.whenResolved { _ in body() }
    }

    /// Reads what is there now, and passes on an unfinished last line. On the Broker's thread.
    func drain() {
        readAll()
        flushRest()
    }

    /// Reads what is there now, but no more than pipes hold: somebody may go on writing for ever.
    func readAll() {
        guard let descriptor = state.withLock({ $0.side?.descriptor }) else { return }
        withUnsafeTemporaryAllocation(byteCount: 16 << 10, alignment: 16) { buffer in
            for _ in 0..<64 {
                guard state.withLock({ !$0.hasEnded }), receive(descriptor, buffer) else { return }
            }
        }
    }

    /// Reads once; false if nothing was there.
    @discardableResult
    private func receive(_ descriptor: Int32, _ scratch: UnsafeMutableRawBufferPointer) -> Bool {
        let count =
            isCapture
            ? cmitogen_capture_read(descriptor, scratch.baseAddress, scratch.count)
            : cmitogen_read(descriptor, scratch.baseAddress, scratch.count)
        if count == -Int(EAGAIN) { return false }
        guard count > 0 else {
            end()
            return false
        }
        raw?(UnsafeRawBufferPointer(rebasing: scratch[..<count]))
        for text in state.withLock({ Self.cut(&$0.rest, adding: UnsafeRawBufferPointer(rebasing: scratch[..<count])) })
        {
            line(text)
        }
        return true
    }

    private static func cut(_ rest: inout [UInt8], adding bytes: UnsafeRawBufferPointer) -> [String] {
        var lines: [String] = []
        for part in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast() {
            rest.append(contentsOf: part)
            lines.append(text(rest))
            rest.removeAll(keepingCapacity: true)
        }
        let tail = bytes.lastIndex(of: UInt8(ascii: "\n")).map { bytes[($0 + 1)...] } ?? bytes[...]
        rest.append(contentsOf: tail)
        if rest.count >= longestLine {
            lines.append(text(rest))
            rest.removeAll(keepingCapacity: true)
        }
        return lines
    }

    private static func text(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.last == UInt8(ascii: "\r") ? bytes.dropLast() : bytes[...], as: UTF8.self)
    }

    private func flushRest() {
        let rest = state.withLock { state in
            defer { state.rest = [] }
            return state.rest
        }
        if !rest.isEmpty { line(Self.text(rest)) }
    }

    private func end() {
        let side = state.withLock { state in
            state.hasEnded = true
            return state.side.take()
        }
        guard let side else { return }
        broker.close(side)
        flushRest()
        ended.resolve(.success(()))
    }

    /// Stops reading; what was not read is lost.
    func close() {
        guard let side = state.withLock({ $0.side.take() }) else { return }
        broker.close(side)
        ended.resolve(.success(()))
    }
}
