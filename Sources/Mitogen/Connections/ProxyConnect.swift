//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol
internal import Synchronization

/// Makes a connection in another context, for its caller (upstream's `mitogen.parent._proxy_connect`).
struct ProxyConnect: RemoteFunction {
    var request: ConnectionRequest
    /// What its caller calls the attempt, see ``ProxiedTimeLeft``.
    var number: UInt32
    /// What is left of the time that the attempt may take, in seconds.
    var remainingSeconds: Double

    /// What became of it. An error is a value here, so that it arrives whole.
    struct Output: Codable, Sendable {
        var id: ContextID?
        var name: String?
        var capabilities: UInt32 = 0
        var revision = 0
        var connection: ConnectionReport?
        var failure: ConnectionFailure?
    }

    func run(in context: ExternalContext) async throws -> Output {
        let key = ProxiedAttempt(caller: context.caller.id, number: number)
        let clock = ConnectionClock()
        context.router.proxiedAttempts.withLock { $0[key] = clock }
        defer { context.router.proxiedAttempts.withLock { $0[key] = nil } }
        do throws(MitogenError) {
            let limit = Duration(checkedSeconds: remainingSeconds)
            let made = try await context.router.connect(request, within: limit, clock)
            context.router.note(made.id, madeBy: key)
            // Whoever has gone, or given it up, before that was noted has had this task cancelled.
            if Task.isCancelled {
                try await made.shutdown()
                throw MitogenError.cancelledCaller
            }
            let info = context.router.peerInfo(made.id)
            return Output(
                id: made.id,
                name: made.name,
                capabilities: info?.capabilities ?? 0,
                revision: info?.revision ?? 0,
                connection: made.connection
            )
        } catch {
            return Output(failure: ConnectionFailure(error))
        }
    }
}

/// A ``MitogenError`` on its way through a `via` context: it keeps its code, its hop and what the peer said.
package struct ConnectionFailure: Codable, Sendable {
    var code: String
    var message: String
    var context: String?
    var diagnostics: [String]
    /// As `Hint` encodes itself.
    var hint: String?
    var connection: ConnectionReport?

    package init(_ error: MitogenError) {
        code = error.code.description
        message = error.message
        context = error.context
        diagnostics = error.diagnostics.suffix(100).map { String($0.prefix(2000)) }
        hint = error.advice?.encoded
        connection = error.connection
    }

    /// The platform that no image was found for.
    var missingImage: TargetPlatform? {
        let words = connection?.platform?.split(separator: " ").map(String.init) ?? []
        guard code == MitogenError.Code.noImage.description, words.count == 2 else { return nil }
        return TargetPlatform(reported: words[0], words[1])
    }

    /// The error as it was where it has happened.
    package var error: MitogenError { error(via: nil) }

    /// The same behind another hop, if there is one.
    func error(via hop: String?) -> MitogenError {
        let hops = [hop, context].compactMap { $0 }
        return MitogenError(
            MitogenError.Code(code),
            message,
            context: hops.isEmpty ? nil : hops.joined(separator: " → "),
            diagnostics: diagnostics,
            hint: hint.map { Hint(encoded: $0) },
            connection: connection
        )
    }
}
