//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen
internal import Synchronization

/// Collects what a ``RemoteStream`` sends, for calling its body directly:
///
/// ```swift
/// let recorder = StreamRecorder<String>()
/// try await Follow(path: path).run(in: node.externalContext(), yield: recorder.writer)
/// #expect(recorder.values == ["one", "two"])
/// ```
public final class StreamRecorder<Element: Codable & Sendable>: Sendable {
    private let collected = Mutex<[Element]>([])
    private let limit: Int

    /// - Parameter limit: After so many values `yield` throws `.cancelled`, as when the caller leaves its loop; no limit by
    ///   default.
    public init(limit: Int = .max) {
        self.limit = limit
    }

    /// What was sent so far.
    public var values: [Element] { collected.withLock { $0 } }

    /// What the body gets. It takes values until its task is cancelled, or the limit is reached.
    public var writer: StreamWriter<Element> {
        StreamWriter { [self] (value) throws(MitogenError) in
            let isWanted = collected.withLock { values in
                guard !Task.isCancelled, values.count < limit else { return false }
                values.append(value)
                return true
            }
            guard isWanted else { throw MitogenError(.cancelled, "the values are not wanted any more") }
        }
    }
}
