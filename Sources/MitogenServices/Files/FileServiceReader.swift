//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFiles
internal import MitogenProtocol

/// A context that gets files from a ``FileService``: they come one after the other, and share a window.
final class FileServiceReader: Sendable {
    /// What Python sends at most before it is acknowledged, and in one message.
    private static let window = 1 << 20
    private static let pieceSize = (128 << 10) - 26
    /// One that acknowledges nothing for so long has gone, or given up.
    private static let patience = Duration.seconds(60)

    let context: Context
    /// Lets one file on at a time.
    let queue = Gate(places: 1)
    private let acknowledged = Latch<Int>()

    init(context: Context) {
        self.context = context
    }

    func acknowledge(_ size: Int) {
        guard size > 0 else { return }
        try? acknowledged.put(size)
    }

    /// Sends a file, and the end of its channel: why, if that is not the end of the file.
    func send(_ file: FileReader, to handle: Handle, in turn: OneShot<Void>) async {
        var reason = DeadReason.senderClosed
        defer { try? context.send(.dead(reason, dstID: context.id, handle: handle)) }
        do throws(MitogenError) {
            try await queue.withPermit(turn) { () async throws(MitogenError) in
                let result = await withTaskGroup(of: Result<Void, MitogenError>.self) { group in
                    group.addTask { await self.sendPieces(of: file, to: handle) }
                    group.addTask {
                        for await _ in self.context.events {}
                        return .success(())
                    }
                    defer { group.cancelAll() }
                    return await group.next() ?? .success(())
                }
                try result.get()
            }
        } catch {
            reason = error.message
        }
    }

    private func sendPieces(of file: FileReader, to handle: Handle) async -> Result<Void, MitogenError> {
        var file = file
        var underWay = 0
        do throws(MitogenError) {
            while let bytes = try next(&file) {
                while underWay >= Self.window {
                    // What was sent before counts as well, if it was given up.
                    underWay = max(0, underWay - (try await acknowledged.get(timeout: Self.patience)))
                }
                underWay += bytes.count
                // The handle for answers makes it a flow, which lets small messages pass.
                let replyTo = StandardHandle.callService
                try context.send(Message(handle: handle, replyTo: replyTo, encoding: .binary, data: bytes))
            }
            while underWay > 0 { underWay -= try await acknowledged.get(timeout: Self.patience) }
            return .success(())
        } catch {
            return .failure(error)
        }
    }

    private func next(_ file: inout FileReader) throws(MitogenError) -> [UInt8]? {
        do throws(FileFailure) {
            return try file.nextBytes(atMost: Self.pieceSize)
        } catch {
            throw error.error(in: nil)
        }
    }
}
