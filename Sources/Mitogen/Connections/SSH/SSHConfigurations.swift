//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol
internal import Synchronization

/// What ssh has said about its configuration here, for a short while: many targets go through the same jump host.
final class SSHConfigurations: Sendable {
    private struct Entry {
        let configuration: SSHConfiguration
        let time: ContinuousClock.Instant
    }

    /// Files, and what `Match exec` asks, can change.
    private static let lifetime = Duration.seconds(10)
    private static let sizeLimit = 1000

    private let entries = Mutex<[String: Entry]>([:])
    /// So many connections are prepared with questions at a time.
    let turns = Gate(places: 64)
    private let questions = ServerPlaces(count: 1)

    /// Asks ssh, if it has not just answered.
    ///
    /// - Parameters:
    ///   - question: The command line.
    ///   - attempt: What the question is asked for; it ends with that.
    /// - Throws: What the attempt has failed with.
    func configuration(
        _ question: [String],
        _ attempt: ConnectionAttempt
    ) async throws(MitogenError) -> SSHConfiguration {
        let key = question.joined(separator: "\0")
        if let known = known(key) { return known }
        var answer = SSHConfiguration(lines: [])
        var failure: MitogenError?
        // The same is asked once at a time; the others find the answer.
        try await questions.withPlaces(at: [key], whenGivenUp: attempt.whenFailed) {
            if let known = known(key) {
                answer = known
                return
            }
            do throws(MitogenError) {
                answer = SSHConfiguration(lines: try await attempt.ask(question))
                remember(answer, key)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return answer
    }

    private func known(_ key: String) -> SSHConfiguration? {
        entries.withLock { entries in
            guard let entry = entries[key], .now - entry.time < Self.lifetime else { return nil }
            return entry.configuration
        }
    }

    private func remember(_ configuration: SSHConfiguration, _ key: String) {
        entries.withLock { entries in
            if entries.count >= Self.sizeLimit { entries = [:] }
            entries[key] = Entry(configuration: configuration, time: .now)
        }
    }
}
