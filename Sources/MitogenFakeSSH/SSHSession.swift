//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenFakeSSH
internal import Mitogen

/// One ssh of a program: its command runs in the destination, with its descriptors as input and output.
struct SSHSession: Sendable {
    /// What ssh(1) ends with if an error occurred.
    private static let failed: UInt8 = 255

    let connection: LocalEnd
    let destination: Context
    let broker: Broker
    /// An error, for whoever has started the program.
    let describe: @Sendable (MitogenError) -> String

    private struct Request {
        let arguments: [ByteString]
        let environment: [ByteString]
        let input: LocalEnd
        let output: LocalEnd
        let errors: LocalEnd
    }

    /// Does what is asked for, and tells the exit status. When the other end goes, the command is ended.
    func serve() async {
        defer { connection.close() }
        guard let request = await receive() else { return }
        let status = await withTaskGroup(of: UInt8?.self) { group in
            group.addTask { await self.run(request) }
            group.addTask {
                while await self.connection.read(atMost: 16) != nil {}
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
        // Whoever reads sees the end of the output before the end of the process.
        for end in [request.input, request.output, request.errors] { end.close() }
        if let status { _ = await connection.write([status]) }
    }

    private func receive() async -> Request? {
        guard let (head, descriptors) = await connection.receive() else { return nil }
        let ends = descriptors.map { LocalEnd($0, broker: broker) }
        let sizes = (Int(head.argument_bytes), Int(head.environment_bytes))
        guard sizes.0 + sizes.1 <= Int(CMITOGEN_FAKESSH_MOST_BYTES) else { return nil }
        var bytes: [UInt8] = []
        while bytes.count < sizes.0 + sizes.1 {
            guard let more = await connection.read(atMost: min(64 << 10, sizes.0 + sizes.1 - bytes.count)) else {
                return nil
            }
            bytes += more
        }
        return Request(
            arguments: Self.texts(bytes[..<sizes.0]),
            environment: Self.texts(bytes[sizes.0...]),
            input: ends[0],
            output: ends[1],
            errors: ends[2]
        )
    }

    /// Takes texts apart that each end with NUL.
    private static func texts(_ bytes: ArraySlice<UInt8>) -> [ByteString] {
        bytes.split(separator: 0, omittingEmptySubsequences: false).dropLast().map { ByteString(bytes: Array($0)) }
    }

    private func run(_ request: Request) async -> UInt8 {
        let invocation: SSHInvocation
        do throws(SSHInvocation.Refusal) {
            invocation = try SSHInvocation(Array(request.arguments.dropFirst()))
        } catch {
            return await fail(request, error.text)
        }
        if invocation.request == .version {
            _ = await request.errors.write(Array("mitogen fakessh \(Mitogen.version)\n".utf8))
            return 0
        }
        do throws(MitogenError) {
            return try await run(invocation, request)
        } catch {
            // Then nobody reads it.
            if Task.isCancelled { return Self.failed }
            return await fail(request, self.describe(error))
        }
    }

    private func run(_ invocation: SSHInvocation, _ request: Request) async throws(MitogenError) -> UInt8 {
        var variables: [ByteString: ByteString] = [:]
        let own = ProgramEnvironment.selected(from: invocation.setVariables, ["*"])
        let sent = ProgramEnvironment.selected(from: request.environment, invocation.sentVariables)
        for (name, value) in sent + own { variables[name] = value }
        if invocation.readsNothing { request.input.close() }
        let result = try await destination.run(
            RemoteShell.arguments(for: invocation.request),
            stdin: invocation.readsNothing ? .null : .stream(AsyncStream { await request.input.read() }),
            environment: .inherited.updating(variables),
            whenClosed: { stream in
                switch stream {
                case .input: request.input.shutDown()
                case .output: request.output.close()
                }
            }
        ) { piece in
            switch piece.source {
            case .standardOutput: await request.output.write(piece.bytes)
            case .standardError: await request.errors.write(piece.bytes)
            }
        }
        // A command that a signal has ended has no exit status to tell, and ssh then ends as after an error.
        guard case .exited(let status) = result.status else { return Self.failed }
        return UInt8(exactly: status) ?? Self.failed
    }

    private func fail(_ request: Request, _ text: String) async -> UInt8 {
        _ = await request.errors.write(Array("ssh: mitogen: \(text)\n".utf8))
        return Self.failed
    }
}
