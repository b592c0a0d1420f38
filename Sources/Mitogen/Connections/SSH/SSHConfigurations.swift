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
        let first = try await entry(for: command, host, attempt, SSHQuestion.naming(files: question))
        if first.host == host { return first.configuration }
        if let key = first.patterns?.key(of: host) {
            let shared = key == first.patterns?.key(of: first.host) ? command : "\(command)\0\0\(key)"
            let entry = try await entry(for: shared, host, attempt, question)
            if let answer = entry.answer(for: host) { return answer }
        }
        return try await entry(for: "\(command)\0\(host)", host, attempt, question).configuration
    }

    /// The same is asked once at a time; the others find the answer.
    private func entry(
        for key: String,
        _ host: String,
        _ attempt: ConnectionAttempt,
        _ question: [String]
    ) async throws(MitogenError) -> Entry {
        if let known = known(key) { return known }
        var result = Result<Entry, MitogenError>.failure(.cancelledCaller)
        try await questions.withPlaces(at: [key], whenGivenUp: attempt.whenFailed) {
            if let known = known(key) {
                result = .success(known)
                return
            }
            do throws(MitogenError) {
                let answer = try await attempt.ask(question)
                let configuration = SSHConfiguration(lines: answer.lines)
                let entry = Entry(host: host, configuration: configuration, patterns: Self.patterns(answer.complaints))
                remember(entry, key)
                result = .success(entry)
            } catch {
                result = .failure(error)
            }
        }
        return try result.get()
    }

    private static func patterns(_ diagnostics: [String]) -> SSHHostPatterns? {
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
