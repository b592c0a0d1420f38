//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol
internal import Synchronization

/// What ssh has said about its configuration here, for a short while: many targets go through the same jump host, and the
/// configuration says the same about many hosts.
final class SSHConfigurations: Sendable {
    fileprivate struct Entry {
        /// The host that was asked about.
        let host: String
        let configuration: SSHConfiguration
        /// What the hosts are compared with; nil where each has to be asked about.
        let patterns: SSHHostPatterns?
        let time = ContinuousClock.now
    }

    /// Files, and what `Match exec` asks, can change.
    private static let lifetime = Duration.seconds(10)
    private static let sizeLimit = 1000

    /// By command line: without the host, with what the host matches, with the host.
    private let entries = Mutex<[String: Entry]>([:])
    /// How long a host waits for what ssh says about another one.
    private static let patience = Duration.seconds(1)

    /// So many connections are prepared with questions at a time.
    let turns = Gate(places: 64)
    private let questions = ServerPlaces(count: 1)

    /// Asks ssh, if it has not just answered, about this host or about one that matches the same patterns.
    ///
    /// - Parameters:
    ///   - question: The command line, with the host at its end.
    ///   - attempt: What the question is asked for; it ends with that.
    /// - Throws: What the attempt has failed with.
    func configuration(
        _ question: [String],
        _ attempt: ConnectionAttempt
    ) async throws(MitogenError) -> SSHConfiguration {
        let host = question.last ?? ""
        let command = question.dropLast().joined(separator: "\0")
        // The first host of a command line is asked about in a way that ssh names the files with, too.
        let naming = SSHQuestion.naming(files: question)
        let first = try await entry(for: command, host, attempt, naming, patience: Self.patience)
        if let first, first.host == host { return first.configuration }
        if let first, let key = first.patterns?.key(of: host) {
            let shared = key == first.patterns?.key(of: first.host) ? command : "\(command)\0\0\(key)"
            let entry = try await entry(for: shared, host, attempt, question, patience: Self.patience)
            if let answer = entry?.answer(for: host) { return answer }
        }
        let own = try await entry(for: "\(command)\0\(host)", host, attempt, question, patience: nil)
        return own?.configuration ?? SSHConfiguration(lines: [])
    }

    /// The same is asked once at a time; the others find the answer.
    ///
    /// - Parameter patience: How long to wait for somebody else's answer; nil for as long as the attempt has.
    /// - Returns: nil if it did not come in that time.
    private func entry(
        for key: String,
        _ host: String,
        _ attempt: ConnectionAttempt,
        _ question: [String],
        patience: Duration?
    ) async throws(MitogenError) -> Entry? {
        if let known = known(key) { return known }
        attempt.waits(for: "waiting for `\(question.joined(separator: " "))`")
        var result = Result<Entry?, MitogenError>.success(nil)
        var timer: Timer?
        defer { timer?.cancel() }
        let whenGivenUp = { (giveUp: @escaping @Sendable (MitogenError) -> Void) in
            attempt.whenFailed(giveUp)
            guard let patience else { return }
            timer = attempt.router.broker.schedule(after: patience) { giveUp(.cancelledCaller) }
        }
        do throws(MitogenError) {
            try await questions.withPlaces(at: [key], whenGivenUp: whenGivenUp) {
                if let known = known(key) {
                    result = .success(known)
                    return
                }
                do throws(MitogenError) {
                    result = .success(try await ask(host, attempt, question))
                } catch {
                    result = .failure(error)
                }
                if case .success(let entry?) = result { remember(entry, key) }
            }
        } catch {
            // Not if only this wait was given up.
            if attempt.hasFailed { throw error }
        }
        return try result.get()
    }

    private func ask(
        _ host: String,
        _ attempt: ConnectionAttempt,
        _ question: [String]
    ) async throws(MitogenError) -> Entry {
        let answer = try await attempt.ask(question)
        let configuration = SSHConfiguration(lines: answer.lines)
        return Entry(host: host, configuration: configuration, patterns: Self.patterns(answer.complaints))
    }

    private static func patterns(_ diagnostics: [String]) -> SSHHostPatterns? {
        guard diagnostics.count < ToolQuery.lineLimit else { return nil }
        let files = SSHHostPatterns.files(in: diagnostics).map { ImageFiles.contents(of: $0) ?? [] }
        // Nothing can be read again from a pipe.
        return files.isEmpty || files.contains { $0.isEmpty } ? nil : SSHHostPatterns(files: files)
    }

    private func known(_ key: String) -> Entry? {
        entries.withLock { entries in
            guard let entry = entries[key], .now - entry.time < Self.lifetime else { return nil }
            return entry
        }
    }

    private func remember(_ entry: Entry, _ key: String) {
        entries.withLock { entries in
            if entries.count >= Self.sizeLimit { entries = [:] }
            entries[key] = entry
        }
    }
}

extension SSHConfigurations.Entry {
    /// Nil if ssh has to be asked about this host itself.
    fileprivate func answer(for host: String) -> SSHConfiguration? {
        host == self.host ? configuration : configuration.renamed(from: self.host, to: host)
    }
}
