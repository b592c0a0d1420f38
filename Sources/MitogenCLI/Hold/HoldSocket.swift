//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Glibc
internal import Mitogen

/// Where the processes that hold connections listen.
struct HoldSocket: Sendable {
    let path: String

    private static let prefix = "hold-"
    private static let suffix = ".sock"

    /// That of the process whose connections this one can use.
    ///
    /// - Parameter image: The path of the program that is started as contexts.
    init(image: String) {
        let name = Self.prefix + HoldIdentity.own(image: image).digest + Self.suffix
        self.path = "\(SocketFolder.usual.path)/\(name)"
    }

    private init(path: String) {
        self.path = path
    }

    /// Those of all processes of this user that hold connections, or did.
    ///
    /// - Throws: ``MitogenError`` with `.notPermitted` if the folder is not safe.
    static func all() throws(MitogenError) -> [HoldSocket] {
        let folder = SocketFolder.usual
        guard try folder.check(creates: false), let directory = opendir(folder.path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasPrefix(self.prefix), name.hasSuffix(self.suffix) { names.append(name) }
        }
        return names.sorted().map { HoldSocket(path: "\(folder.path)/\($0)") }
    }

    /// Attaches this process.
    ///
    /// - Returns: Nil if nobody listens.
    /// - Throws: ``MitogenError`` if the folder is not safe, or the process does not answer within `timeout`.
    func attach(timeout: Duration) async throws(MitogenError) -> AttachedTree? {
        guard try SocketFolder.usual.check(creates: false), access(self.path, F_OK) == 0 else { return nil }
        do throws(MitogenError) {
            return try await Mitogen.connect(unixSocket: self.path, configuration: .ofTool, timeout: timeout)
        } catch {
            // It has ended, be it in this moment.
            if error.code == .connectionRefused || error.code == .eofError { return nil }
            guard error.code == .timeoutError else { throw error }
            guard let listener = self.listener else {
                // So many wait for it that not even a connection can be made.
                throw MitogenError(
                    error.code,
                    error.message,
                    hint: "'ss -xlp src \(self.path)' names that process, and 'kill -9' ends it"
                )
            }
            throw Self.silence(of: listener, for: timeout)
        }
    }

    /// The process that listens, as the kernel knows it, also if it stands still.
    private var listener: Int32? {
        let descriptor = cmitogen_unix_connect(self.path)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var (processID, user) = (pid_t(0), UInt32(0))
        return cmitogen_peer(descriptor, &processID, &user) == 0 ? processID : nil
    }

    /// A process that holds connections does not answer.
    static func silence(of processID: Int32, for limit: Duration) -> MitogenError {
        MitogenError(
            .timeoutError,
            "process \(processID), which holds connections, has not answered within \(limit)",
            hint: Self.wayOut(processID)
        )
    }

    /// What ends such a process that does not end by itself.
    static func wayOut(_ processID: Int32) -> String {
        "'kill -9 \(processID)' ends it; what it holds ends without it"
    }

    /// Attaches this process, and starts the other one before that if it is not there.
    func attachOrStart(timeout: Duration) async throws(MitogenError) -> AttachedTree {
        _ = try SocketFolder.usual.check(creates: true)
        // One that ends in this very moment is started anew.
        for _ in 0..<3 {
            if let attachment = try await self.attach(timeout: timeout) { return attachment }
            do throws(MitogenError) {
                try await HolderProcess.start(socket: self.path)
            } catch {
                // Another command may have been faster.
                if let attachment = try await self.attach(timeout: timeout) { return attachment }
                throw error
            }
        }
        throw MitogenError(.spawnError, "the process that holds connections ends as soon as it is started")
    }
}
