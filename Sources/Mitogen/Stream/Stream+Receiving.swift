//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import MitogenProtocol
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension Stream {
    /// What is read at a time, and how many frames may be in it.
    static let mostReadBytes = 128 << 10
    private static let leastReadBytes = 2 << 10
    private static let mostFramesRead = 64

    func take(_ bytes: [UInt8]) {
        byteCount.wrappingAdd(bytes.count, ordering: .relaxed)
        var decoder = input.withLock { $0 }
        do {
            try bytes.withUnsafeBytes { bytes in try decoder.feed(bytes) { pass(on: $0) } }
        } catch {
            close(reason: "\(error)")
        }
        input.withLock { $0 = decoder }
    }

    /// Reads what is there, once: the Broker calls again if there is more, and others get their turn between.
    func receive(_ scratch: UnsafeMutableRawBufferPointer) {
        var decoder = input.withLock { decoder in
            let taken = decoder
            decoder = FrameDecoder(maximumLength: 0)
            return taken
        }
        let end = read(into: &decoder, scratch)
        input.withLock { $0 = decoder }
        if let end { close(reason: end) }
    }

    /// Reads once and delivers what is complete; returns why the stream is over, if it is.
    private func read(into decoder: inout FrameDecoder, _ scratch: UnsafeMutableRawBufferPointer) -> String? {
        if decoder.missingBytes >= scratch.count {
            let count = decoder.fill(upTo: 1 << 20) { buffer in
                cmitogen_read(descriptors.receive, buffer.baseAddress, buffer.count)
            }
            byteCount.wrappingAdd(max(0, count), ordering: .relaxed)
            if let message = decoder.takeCompleted() { pass(on: message) }
            return Self.endReason(count)
        }
        let size = min(scratch.count, readSize.load(ordering: .relaxed))
        let count = cmitogen_read(descriptors.receive, scratch.baseAddress, size)
        guard count > 0 else { return Self.endReason(count) }
        byteCount.wrappingAdd(count, ordering: .relaxed)
        let framesBefore = frameCount.load(ordering: .relaxed)
        do throws(FramingError) {
            try decoder.feed(UnsafeRawBufferPointer(rebasing: scratch[..<count])) { pass(on: $0) }
            adaptReadSize(size, frames: frameCount.load(ordering: .relaxed) - framesBefore)
            return nil
        } catch {
            return error.description
        }
    }

    private func adaptReadSize(_ size: Int, frames: Int) {
        if frames > Self.mostFramesRead {
            readSize.store(max(Self.leastReadBytes, size * Self.mostFramesRead / frames), ordering: .relaxed)
        } else if frames < Self.mostFramesRead / 4, size < Self.mostReadBytes {
            readSize.store(min(Self.mostReadBytes, size * 2), ordering: .relaxed)
        }
    }

    private func pass(on message: consuming Message) {
        frameCount.wrappingAdd(1, ordering: .relaxed)
        if message.header.encoding != .legacy, isLegacy.load(ordering: .relaxed) {
            isLegacy.store(false, ordering: .relaxed)
        }
        deliver(message, self)
    }

    /// The reason of a stream that the other side has simply closed.
    package static let endOfFile = "the connection was closed"

    /// What the result of a system call means for the stream; nil if it goes on.
    static func endReason(_ count: Int) -> String? {
        switch count {
        case 1...: nil
        case -Int(EAGAIN): nil
        case 0, -Int(EIO), -Int(ECONNRESET), -Int(EPIPE): endOfFile
        default: "the connection failed: \(String(cString: strerror(Int32(-count))))"
        }
    }
}
