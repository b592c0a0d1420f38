//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Glibc
internal import Synchronization

/// What the tool itself reads.
final class StandardInput: Sendable {
    private static let pieceSize = 64 << 10

    private let descriptor: Int32
    private let isTerminal: Bool
    private let error = Mutex<Int32?>(nil)

    init(descriptor: Int32 = STDIN_FILENO) {
        self.descriptor = descriptor
        self.isTerminal = isatty(descriptor) == 1
    }

    /// Why reading has ended too soon, if it has.
    var failure: String? {
        self.error.withLock { $0 }.map { "cannot read standard input: \(String(cString: strerror($0)))" }
    }

    /// Waits for the next piece; nil at the end.
    func read() -> [UInt8]? {
        while true {
            var result = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: Self.pieceSize) { buffer, count in
                // A background job that reads from its terminal is stopped, as cat is.
                result = JobControl.withStops(by: self.isTerminal ? SIGTTIN : nil) {
                    cmitogen_read(self.descriptor, buffer.baseAddress, buffer.count)
                }
                count = max(0, result)
            }
            if result > 0 { return bytes }
            // Whoever shares the descriptor may have made it non-blocking.
            guard result == -Int(EAGAIN) else {
                if result < 0 { self.error.withLock { $0 = Int32(-result) } }
                return nil
            }
            var entry = pollfd(fd: self.descriptor, events: Int16(POLLIN), revents: 0)
            _ = poll(&entry, 1, -1)
        }
    }
}
