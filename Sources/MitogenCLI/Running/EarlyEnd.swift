//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Mitogen

/// Why a command ends before its work is done.
enum EarlyEnd: Sendable {
    case signal(Int32)
    case outputFailed

    /// Does a command that is left at once when a signal comes. To be called on the main thread before any other is made.
    ///
    /// - Returns: The status to exit with.
    static func perform(_ work: @escaping @Sendable (OneShot<EarlyEnd>) async -> Int32) throws -> Int32 {
        let loop = try MainLoop(signals: Interruption.handledSignals())
        let stop = OneShot<EarlyEnd>()
        var interruption = Interruption(unfinished: "left at once")
        return loop.run { signal in
            interruption.reaction(to: signal) { stop.resolve(.success(.signal(signal))) }
        } _: {
            await work(stop)
        }
    }

    /// Does the work of a command, which is cancelled when there is a reason to end early.
    ///
    /// - Parameter follower: What is done meanwhile, such as showing how far the work is; it is cancelled when that ends.
    static func doing<Result: Sendable>(
        until stop: OneShot<EarlyEnd>,
        _ work: @escaping @Sendable () async -> Result,
        beside follower: @escaping @Sendable () async -> Void = {}
    ) async -> Result {
        await withTaskGroup(of: Result?.self) { group in
            group.addTask { await work() }
            group.addTask {
                // Fails only when it is cancelled, because the work is done.
                _ = try? await stop.value()
                return nil
            }
            group.addTask {
                await follower()
                return nil
            }
            var result: Result?
            for await value in group {
                result = result ?? value
                if result != nil || stop.outcome != nil { group.cancelAll() }
            }
            // Work that is cancelled has a result as well.
            guard let result else { preconditionFailure("work ends with a result") }
            return result
        }
    }
}

extension TargetConnections {
    /// Does something with targets for a command that has nothing else to do; see ``with(_:_:image:usesHeld:note:_:)``.
    ///
    /// - Returns: The status to exit with: that of `body`, or the one for targets that cannot be reached after an error,
    ///   which is told on standard error.
    static func status(
        _ targets: [TargetSpecification],
        _ settings: HopSettings,
        image: String,
        usesHeld: Bool,
        _ body: (TargetConnections) async throws -> Int32
    ) async -> Int32 {
        do {
            return try await self.with(targets, settings, image: image, usesHeld: usesHeld, body)
        } catch {
            self.complain(toolText(error))
            return RunExitStatus.unreachable
        }
    }

    /// Tells something on standard error.
    static func complain(_ text: String) {
        cmitogen_complain("mitogen: \(TerminalSanitizer.visibleLines(text))\n")
    }
}
