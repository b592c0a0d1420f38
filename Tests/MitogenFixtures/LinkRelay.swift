//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Passes bytes between its own standard input and output and those of a command, as a link that is slow, that counts,
/// and that can be cut at an exact byte: `mitogen-fixture relay [KEY=VALUE]... -- COMMAND [ARGUMENT]...`.
///
/// - `delay_ms`: how long each byte takes, in each direction.
/// - `kbytes_per_s`: how much goes through, in each direction.
/// - `files`: what the names of the following files begin with. `.count` has the counts so far, see ``Counts``.
/// - `pause_at`: after so many bytes towards the command nothing more goes there, and `.reached` is made as soon as
///   there would be more. When `.cut` appears, the command is killed, and this program ends.
struct LinkRelay {
    /// One piece of what travels.
    private struct Piece {
        var due: Int64
        /// How many round trips were complete when it was sent.
        var trips: Int
        var bytes: ArraySlice<UInt8>
    }

    /// One of the two ways.
    private struct Way {
        let input: Int32
        let output: Int32
        var pieces: [Piece] = []
        var freeAt: Int64 = 0
        var delivered = 0
        var trips = 0
        var hasEnded = false
        var hasClosed = false

        /// Enough for any link of the tests, and not so much that bytes wait here for long.
        var isFull: Bool { pieces.reduce(0) { $0 + $1.bytes.count } >= 256 << 10 }
    }

    private var delay: Int64 = 0
    private var bytesPerSecond: Int64 = 0
    private var pause: Int?
    private var files = ""
    private var isReached = false
    private var countFile: Int32 = -1
    private var command: pid_t = 0
    private var up: Way
    private var down: Way

    static func run(_ arguments: [String]) -> Never {
        cmitogen_ignore_sigpipe()
        let separator = arguments.firstIndex(of: "--") ?? arguments.endIndex
        var ends: [Int32] = [0, 0]
        _ = cmitogen_socketpair(&ends)
        var relay = LinkRelay(far: ends[0], settings: arguments[..<separator])
        relay.command = start(Array(arguments[separator...].dropFirst()), descriptor: ends[1])
        close(ends[1])
        while true { relay.turn() }
    }

    private init(far: Int32, settings: ArraySlice<String>) {
        up = Way(input: 0, output: far)
        down = Way(input: far, output: 1)
        for setting in settings {
            let words = setting.split(separator: "=", maxSplits: 1).map(String.init)
            let number = words.count > 1 ? Int64(words[1]) ?? 0 : 0
            switch words.first {
            case "delay_ms": delay = number * 1000
            case "kbytes_per_s": bytesPerSecond = number * 1000
            case "pause_at": pause = Int(number)
            case "files": files = words[1]
            default: exit(2)
            }
        }
        if !files.isEmpty { countFile = creat("\(files).count", 0o644) }
        for descriptor in [up.output, down.output] { _ = cmitogen_set_nonblocking(descriptor, true) }
    }

    private static func start(_ arguments: [String], descriptor: Int32) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, descriptor, 0)
        posix_spawn_file_actions_adddup2(&actions, descriptor, 1)
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var pid: pid_t = 0
        guard posix_spawnp(&pid, pointers[0] ?? strdup(""), &actions, nil, &pointers, environ) == 0 else { exit(127) }
        return pid
    }

    /// Microseconds.
    private static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }

    // MARK: The loop

    private mutating func turn() {
        deliver(\.up, limit: pause)
        deliver(\.down, limit: nil)
        noteCounts()
        if down.hasClosed { end() }
        let isPaused = pause.map { up.delivered >= $0 && !up.pieces.isEmpty } ?? false
        if isPaused { waitForOrder() }
        // One time for all decisions of a turn: what becomes due in between must not be forgotten.
        let now = Self.now
        var polls = [
            pollfd(fd: up.hasEnded || up.isFull ? -1 : up.input, events: Int16(POLLIN), revents: 0),
            pollfd(fd: down.hasEnded || down.isFull ? -1 : down.input, events: Int16(POLLIN), revents: 0),
            pollfd(fd: isDue(up, now) && !isPaused ? up.output : -1, events: Int16(POLLOUT), revents: 0),
            pollfd(fd: isDue(down, now) ? down.output : -1, events: Int16(POLLOUT), revents: 0),
        ]
        poll(&polls, 4, timeout(now, isPaused: isPaused))
        if polls[0].revents != 0 { receive(\.up, trips: down.trips) }
        if polls[1].revents != 0 { receive(\.down, trips: up.trips + 1) }
    }

    private func isDue(_ way: Way, _ now: Int64) -> Bool { way.pieces.first.map { $0.due <= now } ?? false }

    private func timeout(_ now: Int64, isPaused: Bool) -> Int32 {
        let waiting = [isPaused ? nil : up.pieces.first, down.pieces.first].compactMap(\.?.due).filter { $0 > now }
        let next = waiting.min().map { Int32(($0 - now + 999) / 1000) } ?? -1
        return isPaused ? (next < 0 ? 5 : min(5, next)) : next
    }

    private mutating func receive(_ way: WritableKeyPath<LinkRelay, Way>, trips: Int) {
        var buffer = [UInt8](repeating: 0, count: 32 << 10)
        let count = read(self[keyPath: way].input, &buffer, buffer.count)
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        guard count > 0 else { return self[keyPath: way].hasEnded = true }
        var start = max(Self.now, self[keyPath: way].freeAt)
        if bytesPerSecond > 0 { start += Int64(count) * 1_000_000 / bytesPerSecond }
        self[keyPath: way].freeAt = start
        self[keyPath: way].pieces.append(Piece(due: start + delay, trips: trips, bytes: buffer[..<count]))
    }

    private mutating func deliver(_ way: WritableKeyPath<LinkRelay, Way>, limit: Int?) {
        while let piece = self[keyPath: way].pieces.first, piece.due <= Self.now {
            let room = limit.map { $0 - self[keyPath: way].delivered } ?? Int.max
            let bytes = piece.bytes.prefix(max(0, room))
            guard !bytes.isEmpty else { return }
            let count = bytes.withUnsafeBytes { write(self[keyPath: way].output, $0.baseAddress, $0.count) }
            if count < 0, errno == EAGAIN { return }
            guard count > 0 else { end() }
            self[keyPath: way].delivered += count
            self[keyPath: way].trips = max(self[keyPath: way].trips, piece.trips)
            self[keyPath: way].pieces[0].bytes = piece.bytes.dropFirst(count)
            if self[keyPath: way].pieces[0].bytes.isEmpty { self[keyPath: way].pieces.removeFirst() }
        }
        let state = self[keyPath: way]
        guard state.hasEnded, state.pieces.isEmpty, !state.hasClosed else { return }
        self[keyPath: way].hasClosed = true
        shutdown(state.output, Int32(SHUT_WR))
    }

    /// One line, always as long: round trips that are complete here, bytes towards the command, bytes from it.
    private func noteCounts() {
        guard countFile >= 0 else { return }
        let line = [down.trips, up.delivered, down.delivered].map { number in
            let digits = "\(number)"
            return String(repeating: "0", count: max(0, 12 - digits.utf8.count)) + digits
        }
        let text = Array((line.joined(separator: " ") + "\n").utf8)
        _ = pwrite(countFile, text, text.count, 0)
    }

    private mutating func waitForOrder() {
        if !isReached { close(creat("\(files).reached", 0o644)) }
        isReached = true
        guard access("\(files).cut", F_OK) == 0 || up.hasEnded else { return }
        kill(command, SIGKILL)
        exit(255)
    }

    private func end() -> Never {
        shutdown(up.output, Int32(SHUT_RDWR))
        close(up.output)
        var status: Int32 = 0
        waitpid(command, &status, 0)
        exit(status & 0x7f == 0 ? status >> 8 & 0xff : 255)
    }
}
