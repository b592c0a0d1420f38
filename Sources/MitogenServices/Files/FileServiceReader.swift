//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFiles
internal import MitogenProtocol
internal import Synchronization

/// A context that gets files from a ``FileService``: they come one after the other, and share a window.
final class FileServiceReader: Sendable {
    /// What Python sends at most before it is acknowledged, and in one message.
    private static let window = 1 << 20
    private static let pieceSize = (128 << 10) - 26
    /// One that acknowledges nothing for so long has gone, or given up.
    private static let patience = Duration.seconds(60)

    /// How many files may be open for one context. One that asks for more does not wait for their ends.
    static let mostFiles = 100

    private struct State {
        var files = 0
        var underWay = 0
        /// Resolved when less is under way.
        var wake: OneShot<Void>?
    }

    let context: Context
    /// Lets one file on at a time.
    let queue = Gate(places: 1)
    private let state = Mutex(State())

    init(context: Context) {
        self.context = context
    }

    /// Takes a place for a file that is asked for; ``leave()`` gives it back.
    ///
    /// - Throws: ``MitogenError`` with `.callError` if there is none.
    func enter() throws(MitogenError) {
        let isFull = state.withLock { state in
            if state.files == Self.mostFiles { return true }
            state.files += 1
            return false
        }
        guard isFull else { return }
        throw MitogenError(
            .callError,
            "\(Self.mostFiles) files that \(context.name) has asked for are still to be sent: ask for fewer at a time"
        )
    }

    func leave() {
        state.withLock { $0.files -= 1 }
    }

    func acknowledge(_ size: Int) {
        let wake = state.withLock { state -> OneShot<Void>? in
            guard size > 0 else { return nil }
            // No more than there is, whatever a peer claims.
            state.underWay -= min(state.underWay, size)
            return state.wake.take()
        }
        wake?.resolve(.success(()))
    }

    /// Waits until less than that is under way.
    private func waitForRoom(below limit: Int) async throws(MitogenError) {
        while true {
            let wake = state.withLock { state -> OneShot<Void>? in
                guard state.underWay >= limit else { return nil }
                let wake = OneShot<Void>()
                state.wake = wake
                return wake
            }
            guard let wake else { return }
            try await wait(for: wake, try router, "\(context.name) has acknowledged nothing")
        }
    }

    private func wait(for turn: OneShot<Void>, _ router: Router, _ complaint: String) async throws(MitogenError) {
        do throws(MitogenError) {
            try await turn.value(within: Self.patience, on: router.broker, complaint)
        } catch {
            // What was given up does not hold up the next file.
            state.withLock { $0.underWay = 0 }
            throw error
        }
    }

    private var router: Router {
        get throws(MitogenError) {
            guard let router = context.router else { throw MitogenError(.channelError, "the router has ended") }
            return router
        }
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
        do throws(MitogenError) {
            while let bytes = try next(&file) {
                try await waitForRoom(below: Self.window)
                state.withLock { $0.underWay += bytes.count }
                // The handle for answers makes it a flow, which lets small messages pass.
                let replyTo = StandardHandle.callService
                let router = try router
                let turn = router.routeWithTurn(
                    Message(dstID: context.id, handle: handle, replyTo: replyTo, encoding: .binary, data: bytes)
                )
                // One that acknowledges what it has not read does not fill the way to it.
                if let turn { try await wait(for: turn, router, "\(context.name) has taken nothing") }
            }
            try await waitForRoom(below: 1)
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
