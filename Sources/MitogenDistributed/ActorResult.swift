//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import Synchronization

/// What a method of an actor has come to.
final class ActorResult: Sendable {
    private let value = Mutex<Result<[UInt8], any Error>?>(nil)

    func set(_ result: Result<[UInt8], any Error>) {
        value.withLock { $0 = result }
    }

    func get() throws -> [UInt8] {
        guard let result = value.withLock({ $0 }) else {
            throw MitogenError(.callError, "the method has neither returned nor thrown")
        }
        return try result.get()
    }
}
