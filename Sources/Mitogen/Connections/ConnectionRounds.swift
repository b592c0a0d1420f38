//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
internal import MitogenProtocol

/// Makes one connection, with as many attempts as its kind of failure allows, all within one limit of time.
///
/// The time counts from when the server has a place for the first attempt, and the router a permit. Until then no more
/// than the limit may pass without that another connection to the server comes to something; waiting for a permit is not
/// bounded, as each connection that has one is.
struct ConnectionRounds {
    let router: Router
    let id: ContextID
    let image: ImageSource
    let limit: Duration
    let clock: ConnectionClock?
    let request: ConnectionRequest

    /// An attempt that is to be started, with what was found out for it.
    struct Preparation {
        let attempt: ConnectionAttempt
        let way: ConnectionRequest.Way
        /// The servers whose places it needs; none for other methods than ssh.
        let servers: [String]
    }

    /// Begins the first attempt, which must be given to ``connect(_:)``.
    func prepare() async -> Preparation {
        let attempt = begin(ConnectionRetries(), until: .now + limit)
        guard case .tool(var tool) = request.way, tool.ssh != nil else {
            return Preparation(attempt: attempt, way: request.way, servers: [])
        }
        let servers = await findServers(for: &tool, attempt)
        let (places, permits, limit) = (router.serverPlaces, router.connectionLimit, limit)
        attempt.waits(for: waiting(at: servers)) {
            // Those who have the places may wait for permits themselves.
            permits.isShut ? .now + limit : places.lastProgress(at: servers).map { $0 + limit }
        }
        return Preparation(attempt: attempt, way: .tool(tool), servers: servers)
    }

    func connect(_ prepared: Preparation) async throws(MitogenError) -> Context {
        let (way, servers) = (prepared.way, prepared.servers)
        var retries = ConnectionRetries()
        var deadline = ContinuousClock.now + limit
        var attempt = prepared.attempt
        var isFirst = true
        while true {
            do throws(MitogenError) {
                return try await perform(attempt, way, at: servers) { waited in
                    deadline = isFirst ? .now + limit : deadline + waited
                    isFirst = false
                    attempt.restart(until: deadline)
                }
            } catch {
                guard let delay = retries.delay(after: attempt.retry, random: .random(in: 0...1)),
                    .now + delay < deadline
                else { throw error }
                let name = error.context ?? "a target"
                router.logger.info("\(name): \(Self.remedy(attempt.retry, delay)): \(error.message)")
                attempt = begin(retries, until: deadline)
                attempt.waits(for: waiting(at: servers))
                if delay > .zero { await attempt.pause(delay) }
            }
        }
    }

    private static func remedy(_ reason: ConnectionRetries.Reason?, _ delay: Duration) -> String {
        switch reason {
        case .withoutCache: "the image in the target's cache does not run, it is sent again"
        case .withoutExec: "the login shell refuses exec, it is asked without"
        case .later, nil: "the server has closed the connection at once, it is tried again after \(delay)"
        }
    }

    private func begin(_ retries: ConnectionRetries, until deadline: ContinuousClock.Instant) -> ConnectionAttempt {
        let attempt = ConnectionAttempt(self, until: deadline, retries)
        attempt.begin()
        return attempt
    }

    private func waiting(at servers: [String]) -> String {
        "waiting for other connections to \(servers.joined(separator: ", "))"
    }

    /// - Parameter begins: Called when the servers have a place, and the router a permit, with how long that took.
    private func perform(
        _ attempt: ConnectionAttempt,
        _ way: ConnectionRequest.Way,
        at servers: [String],
        _ begins: (Duration) -> Void
    ) async throws(MitogenError) -> Context {
        if servers.isEmpty {
            attempt.launch(way.launcher)
            return try await attempt.finish()
        }
        let permits = router.connectionLimit
        var hasPermit = false
        // The permit is for the whole attempt, a place only until the login.
        defer { if hasPermit { permits.leave() } }
        do throws(MitogenError) {
            try await router.serverPlaces.withPlaces(at: servers[...], whenGivenUp: attempt.whenFailed) {
                let start = ContinuousClock.now
                hasPermit = await isPermitted(attempt)
                guard hasPermit else { return }
                begins(.now - start)
                attempt.launch(way.launcher)
                await attempt.waitUntilAnswered()
                // A server that does not answer is to hold up nobody longer than each alone.
                if !attempt.hasTimedOut { router.serverPlaces.noteProgress(at: servers) }
            }
        } catch {
            attempt.fail(error)
        }
        return try await attempt.finish()
    }

    /// Waits until the router may make another connection, which does not count as time of the attempt.
    ///
    /// - Returns: Whether it may, and the permit is to be released; otherwise the attempt has failed.
    private func isPermitted(_ attempt: ConnectionAttempt) async -> Bool {
        attempt.waits(for: "waiting for other connections") { [limit] in .now + limit }
        let turn = router.connectionLimit.reserve()
        attempt.whenFailed { turn.resolve(.failure($0)) }
        do throws(MitogenError) {
            try await router.connectionLimit.wait(for: turn)
            return true
        } catch {
            attempt.fail(error)
            return false
        }
    }

    // MARK: ssh

    /// Asks ssh for its configuration, and adds what follows from it to the tool.
    ///
    /// - Returns: The servers that ssh will connect to, one through the other, sorted; none if the attempt has failed.
    private func findServers(for tool: inout ConnectionTool, _ attempt: ConnectionAttempt) async -> [String] {
        do throws(MitogenError) {
            let configuration = try await router.sshConfigurations.configuration(tool.sshQuestion, attempt)
            tool.adapt(to: configuration)
            let way = try await jumpHosts(of: configuration, tool, attempt)
            let servers = way.servers + [configuration.server ?? tool.command.before.last ?? ""]
            tool.ssh?.serverCount = way.isKnown ? servers.count : .max
            return Set(servers).sorted()
        } catch {
            attempt.fail(error)
            return []
        }
    }

    /// The servers on the way, and whether these are all. Only the first of a list of jump hosts is connected to as its
    /// own configuration says.
    private func jumpHosts(
        of configuration: SSHConfiguration,
        _ tool: ConnectionTool,
        _ attempt: ConnectionAttempt
    ) async throws(MitogenError) -> (servers: [String], isKnown: Bool) {
        var servers: [String] = []
        var current = configuration
        while servers.count < SSHQuestion.longestChain, let question = tool.ssh {
            let jumps = current.jumps
            if jumps.isEmpty {
                if let command = current.jumpCommand { servers.append(command) }
                return (servers, !current.hidesServers)
            }
            for jump in jumps.reversed() {
                let arguments = question.arguments(tool.command.before[0], for: jump)
                current = try await router.sshConfigurations.configuration(arguments, attempt)
                servers.append(current.server ?? jump.host)
            }
        }
        return (servers, false)
    }
}
