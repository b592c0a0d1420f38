//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenProtocol
internal import Synchronization

/// A context whose ``FileService`` is asked for files, as long as it is.
final class FileServiceSource: Sendable {
    private struct Key: Hashable {
        let router: ObjectIdentifier
        let context: ContextID
    }

    private struct Entry {
        weak var source: FileServiceSource?
    }

    private static let all = Mutex<[Key: Entry]>([:])

    /// Fewer than a service takes of one context, see ``FileServiceReader/mostFiles``.
    let gate = Gate(places: FileServiceReader.mostFiles / 2)
    private let key: Key
    private let progress = Mutex(ContinuousClock.now)

    private init(_ key: Key) {
        self.key = key
    }

    deinit {
        Self.all.withLock { all in
            // Another one may have taken its place.
            if all[key]?.source == nil { all[key] = nil }
        }
    }

    /// The one for a context, which all who get files from it at the same time share.
    static func of(_ context: Context, _ router: Router) -> FileServiceSource {
        let key = Key(router: ObjectIdentifier(router), context: context.id)
        return all.withLock { all in
            if let known = all[key]?.source { return known }
            let source = FileServiceSource(key)
            all[key] = Entry(source: source)
            return source
        }
    }

    /// Something has come, of any file.
    func noteProgress() {
        progress.withLock { $0 = .now }
    }

    /// How long nothing has come of any file.
    var quiet: Duration { progress.withLock { .now - $0 } }
}
