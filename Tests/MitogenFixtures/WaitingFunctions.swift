//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Is suspended for a time, then returns a number.
public struct Doze: RemoteFunction {
    public var milliseconds: Int
    public var result: Int

    public init(milliseconds: Int, result: Int = 0) {
        self.milliseconds = milliseconds
        self.result = result
    }

    public func run(in context: ExternalContext) async throws -> Int {
        try await Task.sleep(for: .milliseconds(milliseconds))
        return result
    }
}

/// Is resumed by a timer of its context's Broker, and tells after how many seconds.
public struct AwaitTimer: RemoteFunction {
    public var milliseconds: Int

    public init(milliseconds: Int) {
        self.milliseconds = milliseconds
    }

    public func run(in context: ExternalContext) async throws -> Double {
        let start = ContinuousClock.now
        return await withCheckedContinuation { continuation in
            context.router.broker.schedule(after: .milliseconds(milliseconds)) {
                continuation.resume(returning: (ContinuousClock.now - start) / .seconds(1))
            }
        }
    }
}

/// Blocks its thread for a time.
public struct Block: RemoteFunction {
    public var milliseconds: UInt32

    public init(milliseconds: UInt32) {
        self.milliseconds = milliseconds
    }

    public func run(in context: ExternalContext) async throws {
        usleep(milliseconds * 1000)
    }
}

/// Never returns, whoever asks.
public struct HangForever: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws {
        while true { usleep(10_000) }
    }
}

/// Writes to a file that it has started, and, once it is cancelled, that it was.
public struct ReportCancellation: RemoteFunction {
    public var path: String
    /// Whether it asks again and again, on its thread, instead of being suspended.
    public var blocks: Bool

    public init(path: String, blocks: Bool = false) {
        self.path = path
        self.blocks = blocks
    }

    public func run(in context: ExternalContext) async throws {
        writeFile(path, "started")
        if blocks {
            while !Task.isCancelled { usleep(2000) }
        } else {
            try? await Task.sleep(for: .seconds(1000))
        }
        writeFile(path, Task.isCancelled ? "cancelled" : "returned")
    }
}

/// Replaces a file's content in one step.
func writeFile(_ path: String, _ text: String) {
    let new = "\(path).\(getpid()).new"
    let file = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { return }
    var bytes = Array(text.utf8)
    _ = write(file, &bytes, bytes.count)
    close(file)
    rename(new, path)
}
