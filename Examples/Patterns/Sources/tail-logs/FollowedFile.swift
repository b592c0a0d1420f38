#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What happens to a file that is followed.
enum FileEvent: Codable, Sendable {
    case line(String)
    /// Something about the file itself, for people.
    case notice(String)
}

/// Whatever file has a name, read as it grows.
struct FollowedFile: ~Copyable {
    private let path: String
    private var descriptor: Int32 = -1
    private var opened = stat()
    private var offset = 0
    /// The beginning of a line whose end is not there yet.
    private var rest: [UInt8] = []
    private var wasLooked = false

    init(path: String) {
        self.path = path
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// What is new: at most 64 KiB, and nothing if nothing is.
    mutating func next() -> [FileEvent] {
        defer { wasLooked = true }
        // Before the file that is open is read, so that what it had when its name was lost is read as well.
        var named = stat()
        let isThere = stat(path, &named) == 0
        guard descriptor >= 0 else {
            if isThere { return open(atEnd: !wasLooked, as: wasLooked ? "has appeared" : "followed from its end") }
            return wasLooked ? [] : [.notice("not there yet")]
        }
        let start = offset
        let lines = readOn()
        guard offset == start, isThere else { return lines }
        if named.st_ino != opened.st_ino || named.st_dev != opened.st_dev {
            return endLine() + open(atEnd: false, as: "replaced by another file")
        }
        guard named.st_size < offset else { return lines }
        offset = 0
        return endLine() + [.notice("truncated")]
    }

    private mutating func open(atEnd: Bool, as notice: String) -> [FileEvent] {
        if descriptor >= 0 { close(descriptor) }
        descriptor = Self.openForReading(path)
        guard descriptor >= 0, fstat(descriptor, &opened) == 0 else {
            // Said once, and tried again.
            return wasLooked ? [] : [.notice("cannot be read: \(String(cString: strerror(errno)))")]
        }
        offset = atEnd ? Int(opened.st_size) : 0
        return [.notice(notice)]
    }

    private static func openForReading(_ path: String) -> Int32 {
        #if canImport(Glibc)
            Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        #else
            Musl.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        #endif
    }

    private mutating func readOn() -> [FileEvent] {
        let limit = 64 << 10
        let new = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            count = max(0, pread(descriptor, buffer.baseAddress, limit, offset))
        }
        offset += new.count
        var lines = (rest + new).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        rest = Array(lines.removeLast())
        let events = lines.map { FileEvent.line(String(decoding: $0, as: UTF8.self)) }
        // A line without end would need memory without end.
        return rest.count < limit ? events : events + endLine()
    }

    private mutating func endLine() -> [FileEvent] {
        defer { rest = [] }
        return rest.isEmpty ? [] : [.line(String(decoding: rest, as: UTF8.self))]
    }
}
