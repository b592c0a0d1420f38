//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// The scripts that were brought to this context and run: none outlives it.
final class ScriptFiles: Sendable {
    private struct State {
        var paths: Set<String> = []
        /// Whether this context ends.
        var isClosed = false
    }

    private let state = Mutex(State())

    /// Writes a script to a file that only the user may read, change and execute.
    ///
    /// - Parameter isExecuted: Whether the file itself is executed, for which not every file system is mounted.
    /// - Returns: Its path.
    /// - Throws: ``MitogenError`` with `.noPlaceToRun`, or `.diskFull`, if it can be written nowhere.
    func add(_ content: [UInt8], isExecuted: Bool) throws(MitogenError) -> String {
        var failures: [String] = []
        var isFull = false
        for place in Self.places {
            var template = Array("\(place)/.mitogen-script-XXXXXX".utf8CString)
            let error = Self.write(content, &template, isExecuted: isExecuted)
            guard error == 0 else {
                isFull = isFull || [ENOSPC, EDQUOT].contains(-error)
                failures.append("\(place): \(String(cString: strerror(-error)))")
                continue
            }
            let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
            let isKept = state.withLock { state in
                if !state.isClosed { state.paths.insert(path) }
                return !state.isClosed
            }
            if isKept { return path }
            unlink(path)
            throw MitogenError(.cancelled, "the context is about to end")
        }
        throw MitogenError(
            isFull ? .diskFull : .noPlaceToRun,
            "there is no place for the script: \(failures.joined(separator: "; "))"
        )
    }

    func remove(_ path: String) {
        unlink(path)
        state.withLock { _ = $0.paths.remove(path) }
    }

    /// The context is about to exit.
    func removeAll() {
        let paths = state.withLock { state in
            state.isClosed = true
            defer { state.paths = [] }
            return state.paths
        }
        for path in paths { unlink(path) }
    }

    /// Where the first stage looks for a place.
    private static var places: [String] {
        let variable = { (name: String) in getenv(name).map { String(cString: $0) } }
        return [
            variable("TMPDIR"), "/tmp", "/var/tmp", variable("HOME"), "/run", variable("XDG_RUNTIME_DIR"), "/dev/shm",
        ].compactMap(\.self).filter { $0.hasPrefix("/") }
    }

    /// 0 or a negative errno; then there is no file.
    private static func write(_ content: [UInt8], _ template: inout [CChar], isExecuted: Bool) -> Int32 {
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else { return -errno }
        var error = fcntl(descriptor, F_SETFD, FD_CLOEXEC) < 0 || fchmod(descriptor, 0o700) < 0 ? -errno : 0
        if error == 0 { error = cmitogen_write_all(descriptor, content, content.count) }
        if systemClose(descriptor) != 0, error == 0 { error = -errno }
        // On a file system that is mounted with noexec this is an error, also for root.
        if error == 0, isExecuted, access(template, X_OK) < 0 { error = -errno }
        if error != 0 { unlink(template) }
        return error
    }
}
