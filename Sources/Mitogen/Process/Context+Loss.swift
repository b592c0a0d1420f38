//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Synchronization

extension Context {
    /// Whether this router knows a way to the context, which only the router of a master always does.
    package var isReachable: Bool {
        router?.core.withLock { $0.state.table.hasRoute(to: id) } ?? false
    }

    /// The error for people where the way to a command was lost; others as they are.
    func explain(_ error: MitogenError, of command: RunProcess.Invocation) async -> MitogenError {
        guard error.dead == .gone, error.remote == nil, let router, !router.isLeaving else { return error }
        // The dead message that came in the answer's place may be handled a moment before the loss is noted.
        let reason = try? await state.loss.value(within: .milliseconds(100), on: router.broker, "the reason")
        let cause = reason.flatMap { $0.isEmpty || $0 == Stream.endOfFile ? nil : ": \($0)" } ?? ""
        return MitogenError(
            .channelError,
            "the connection was lost while \(command.name) ran\(cause); whether and how the command has ended is not known",
            context: name
        )
    }
}
