//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Synchronization

/// The remote functions that run in this context, so that a dump can name them.
final class RunningFunctions: Sendable {
    struct Entry: Sendable {
        let type: any RemoteFunction.Type
        let caller: ContextID
        /// The monotonic clock at its start.
        let start: Int64
    }

    /// A table of places, because this is done for every call: a dictionary would cost several times as much.
    private struct State {
        var places: [Entry?] = []
        var free: [Int] = []
    }

    private let state = Mutex(State())

    /// A function begins. Returns its place.
    func begin(_ type: any RemoteFunction.Type, for caller: ContextID) -> Int {
        let entry = Entry(type: type, caller: caller, start: monotonicNanoseconds())
        return state.withLock { state in
            guard let place = state.free.popLast() else {
                state.places.append(entry)
                return state.places.count - 1
            }
            state.places[place] = entry
            return place
        }
    }

    func end(_ place: Int) -> Entry? {
        state.withLock { state in
            state.free.append(place)
            return state.places[place].take()
        }
    }

    /// What runs, the oldest first.
    var entries: [Entry] {
        state.withLock { state in state.places.compactMap { $0 } }.sorted { $0.start < $1.start }
    }
}
