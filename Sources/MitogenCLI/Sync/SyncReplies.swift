//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFiles
internal import MitogenProtocol
internal import Synchronization

/// What a target has said and nobody has asked for yet: it must be taken while steps are sent, as both directions have a
/// window.
final class SyncReplies: Sendable {
    private struct State {
        var bytes = 0
        var failure: MitogenError?
    }

    /// Only a target that says more than it was asked for comes near it.
    private static let limit = 256 << 20

    /// Nil is the end: closing the latch would lose what has not been taken.
    private let latch = Latch<SyncEvent?>()
    private let state = Mutex(State())

    /// Takes what comes, to its end.
    func follow(_ events: RemoteValues<SyncEvent>) async {
        do throws(MitogenError) {
            for try await event in events {
                let isTooMuch = state.withLock { state in
                    state.bytes += Self.size(event)
                    return state.bytes > Self.limit
                }
                if isTooMuch { throw MitogenError(.channelError, "the target sends more than it was asked for") }
                try latch.put(event)
            }
        } catch {
            state.withLock { $0.failure = $0.failure ?? error }
        }
        // Nobody closes it.
        try? latch.put(nil)
    }

    /// The next of them.
    func next() async throws(MitogenError) -> SyncEvent {
        do throws(MitogenError) {
            guard let event = try await latch.get() else {
                try? latch.put(nil)
                throw MitogenError(.channelError, "the target has ended before its work was done")
            }
            state.withLock { $0.bytes -= Self.size(event) }
            return event
        } catch {
            throw state.withLock { $0.failure } ?? error
        }
    }

    private static func size(_ event: SyncEvent) -> Int {
        switch event {
        case .listing(let bytes, _), .signature(_, let bytes, _): bytes.count + 256
        case .failed(_, let failure): failure.path.count + failure.message.utf8.count + 256
        default: 256
        }
    }
}
