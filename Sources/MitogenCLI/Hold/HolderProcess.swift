//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Glibc
internal import Mitogen
internal import MitogenServices

/// The process in the background that holds connections.
struct HolderProcess: Sendable {
    /// Where commands attach themselves.
    let socket: String
    /// The path of the program that is started as contexts.
    let image: String

    /// How many requests are worked on at a time: each target of a command is one.
    private static let places = 10_000

    /// Holds connections until nothing is left to hold. To be called on the main thread before any other is made.
    ///
    /// - Returns: The status to exit with.
    func perform() throws -> Int32 {
        let loop = try MainLoop(signals: [SIGINT, SIGTERM])
        let stop = OneShot<Void>()
        return loop.run { _ in
            stop.resolve(.success(()))
            return .expectEnd(within: .seconds(7), otherwise: 1, because: "the contexts have not ended")
        } _: {
            await self.hold(until: stop)
        }
    }

    private func hold(until stop: OneShot<Void>) async -> Int32 {
        var configuration = RouterConfiguration.ofTool
        configuration.image = .file(self.image)
        do {
            try await withRouter(configuration: configuration) { router in
                let service = HoldService(router: router)
                let events = router.events
                try router.services(size: Self.places).add(service)
                let listener = try UnixListener(router: router, path: self.socket)
                service.start()
                Self.detachOutput()
                service.end.whenResolved { _ in stop.resolve(.success(())) }
                stop.whenResolved { _ in
                    // From now on nobody can find what is about to end.
                    listener.close()
                    service.endAll()
                    router.shutdown()
                }
                for await event in events {
                    if case .disconnected(let context, let reason) = event {
                        service.note(context, isGone: reason)
                    }
                }
            }
            return 0
        } catch {
            cmitogen_complain("\(TerminalSanitizer.visibleLines(toolText(error)))\n")
            return 1
        }
    }

    /// Whoever has started this process reads its standard error until it listens.
    private static func detachOutput() {
        let null = cmitogen_open_null()
        guard null >= 0 else { return }
        dup2(null, STDERR_FILENO)
        close(null)
    }

    // MARK: Starting it

    /// How long it may take to listen.
    private static let patience = Duration.seconds(10)

    /// Starts it in the background: in a session of its own, in the root folder, without any file of its starter.
    ///
    /// - Throws: ``MitogenError`` with `.spawnError` and what it has said.
    static func start(socket: String) async throws(MitogenError) {
        var pipe: [Int32] = [0, 0]
        let made = cmitogen_pipe(&pipe, true)
        guard made >= 0 else { throw .system("cannot make a pipe", errno: -made) }
        defer { close(pipe[0]) }
        let request = SpawnRequest(
            arguments: ["mitogen", HolderCommand.name, socket],
            path: self.ownPath,
            environment: ProcessIdentity.environment,
            directory: "/",
            descriptors: (.null, .null, .descriptor(pipe[1]))
        )
        do throws(MitogenError) {
            _ = try SpawnedProcess.spawn(request)
        } catch {
            close(pipe[1])
            throw error
        }
        close(pipe[1])
        let said = try await Self.text(from: pipe[0])
        guard said.isEmpty else {
            throw MitogenError(.spawnError, "the process that holds connections cannot be started: \(said)")
        }
    }

    /// Its file: what `/proc/self/exe` leads to, as that name is another program's in another process.
    private static var ownPath: String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(ProcessIdentity.executablePath, &buffer, buffer.count)
        guard count > 0 else { return ProcessIdentity.executablePath }
        return String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Reads what it says until it lets go of its standard error.
    private static func text(from descriptor: Int32) async throws(MitogenError) -> String {
        let deadline = ContinuousClock.now + self.patience
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = cmitogen_read(descriptor, &buffer, buffer.count)
            if count == 0 { break }
            if count > 0 {
                text += buffer[..<min(count, max(0, 10_000 - text.count))]
                continue
            }
            guard count == -Int(EAGAIN), ContinuousClock.now < deadline else {
                throw MitogenError(.timeoutError, "the process that holds connections has not begun to listen")
            }
            do { try await Task.sleep(for: .milliseconds(2)) } catch { throw .cancelledCaller }
        }
        return String(decoding: text.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }
}
