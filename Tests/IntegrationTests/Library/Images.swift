//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import MitogenProtocol
internal import Synchronization
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension LibraryTests {
    @Suite("Images for other platforms")
    struct Images {}
}

/// Supplies what it was made with, and notes what it is asked for.
private final class Supply: PayloadProvider {
    private let asked = Mutex<[TargetPlatform]>([])
    private let body: @Sendable (TargetPlatform) async throws -> Payload?

    init(_ body: @escaping @Sendable (TargetPlatform) async throws -> Payload?) {
        self.body = body
    }

    var platforms: [String] { asked.withLock { $0.map(\.description) } }

    func payload(for platform: TargetPlatform) async throws -> Payload? {
        asked.withLock { $0.append(platform) }
        return try await body(platform)
    }
}

extension LibraryTests.Images {
    private struct Unavailable: Error {}

    @Test("Without an image the error names the platform and how to give one")
    func noImage() async throws {
        try await withTemporaryDirectory { directory in
            let host = try SimulatedHost(in: directory, platform: "Linux aarch64")
            for hasProvider in [false, true] {
                let supply = Supply { _ in nil }
                try await withFixtureRouter {
                    if hasProvider { $0.payloadProvider = supply }
                } _: { router in
                    for round in 1...2 {
                        let error = try await failure { try await router.simulated(host) }
                        #expect(error.code == .noImage, "\(error)")
                        #expect(error.message.contains("Linux aarch64"))
                        #expect(error.hint?.contains("/mitogen-fixture-Linux-aarch64") == true, "\(error)")
                        #expect(error.hint?.contains("PayloadProvider") == true)
                        #expect(error.hint?.contains("executable") == true)
                        // Nothing is no answer that is kept.
                        #expect(
                            supply.platforms == (hasProvider ? Array(repeating: "Linux aarch64", count: round) : [])
                        )
                    }
                }
            }
        }
    }

    @Test("What is supplied is checked, and the error names it and the platform")
    func unusable() async throws {
        let fixture = try Fixture.path
        let bytes = try #require(Files.bytes(fixture))
        let cases: [(String, Payload, [String])] = [
            ("aarch64", .file(fixture), [fixture, "Linux aarch64", "built for x86_64"]),
            ("riscv64", .bytes(bytes), ["supplied", "Linux riscv64", "built for x86_64"]),
            ("aarch64", .file("/nonexistent/agent"), ["/nonexistent/agent", "No such file"]),
            ("aarch64", .file("/etc/passwd"), ["/etc/passwd", "Linux aarch64", "ELF"]),
            ("odd64", .file(CommandLine.arguments[0]), ["dynamically", "Linux odd64"]),
            ("odd64", .bytes([1, 2, 3]), ["supplied", "Linux odd64"]),
        ]
        for (machine, payload, texts) in cases where machine == "odd64" || ImageMachine.isX86 {
            try await withTemporaryDirectory { directory in
                let host = try SimulatedHost(in: directory, platform: "Linux \(machine)")
                try await withFixtureRouter {
                    $0.payloadProvider = Supply { _ in payload }
                } _: { router in
                    let error = try await failure { try await router.simulated(host) }
                    #expect(error.code == .imageUnusable, "\(error)")
                    for text in texts { #expect(error.message.contains(text), "\(error)") }
                }
            }
        }
        try await withTemporaryDirectory { directory in
            let host = try SimulatedHost(in: directory, platform: "Linux odd64")
            try await withFixtureRouter {
                $0.payloadProvider = Supply { _ in throw Unavailable() }
            } _: { router in
                let error = try await failure { try await router.simulated(host) }
                #expect(error.code == .imageUnusable)
                #expect(error.message.contains("Linux odd64") && error.message.contains("Unavailable"), "\(error)")
            }
        }
    }

    @Test(
        "What a provider supplies is asked for once, sent, and found in the cache after that",
        arguments: [true, false]
    )
    func supplied(asFile: Bool) async throws {
        try await withTemporaryDirectory { directory in
            let host = try SimulatedHost(in: directory, platform: "Linux odd64")
            let image = try await Fixture.otherImage(in: directory)
            try Files.write(image, to: "\(directory)/agent")
            let supply = Supply { _ in asFile ? .file("\(directory)/agent") : .bytes(image) }
            try await withFixtureRouter {
                $0.payloadProvider = supply
            } _: { router in
                let sums = try await withThrowingTaskGroup(of: Int.self) { group in
                    for number in 0..<4 {
                        group.addTask { try await router.simulated(host).call(Add(number, 1)) }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(sums.sorted() == [1, 2, 3, 4])
                #expect(supply.platforms == ["Linux odd64"])
                // No upload is possible any more.
                try host.script("dd") { "exit 1" }
                try host.script("head") { "exit 1" }
                // Using it counts: what is not used for two weeks is removed.
                let cached = try #require(host.cached.first)
                let old = timeval(tv_sec: time(nil) - 16 * 86400, tv_usec: 0)
                #expect(utimes(cached, [old, old]) == 0)
                #expect(try await router.simulated(host).call(Add(1, 2)) == 3)
                var status = stat()
                #expect(stat(cached, &status) == 0)
                #expect(status.st_mtim.tv_sec > time(nil) - 60)
            }
            #expect(host.cached.count == 1)
        }
    }

    @Test("A file beside the program is found, and checked; the provider is not asked then")
    func beside() async throws {
        try await withTemporaryDirectory { directory in
            let host = try SimulatedHost(in: directory, platform: "Linux odd64")
            try Files.write(try #require(Files.bytes(Fixture.path)), to: "\(directory)/agent")
            try await Files.write(Fixture.otherImage(in: directory), to: "\(directory)/agent-Linux-odd64")
            try Files.write(Array("no program".utf8), to: "\(directory)/agent-Linux-even64")
            let supply = Supply { _ in nil }
            try await withFixtureRouter {
                $0.image = .file("\(directory)/agent")
                $0.payloadProvider = supply
            } _: { router in
                #expect(try await router.simulated(host).call(Add(1, 2)) == 3)
                try host.script("uname") { "echo Linux even64" }
                let error = try await failure { try await router.simulated(host) }
                #expect(error.code == .imageUnusable)
                #expect(error.message.contains("agent-Linux-even64"), "\(error)")
                #expect(supply.platforms.isEmpty)
            }
        }
    }

    @Test("What a target says about its platform leads to no other folder")
    func hostilePlatform() async throws {
        try await withTemporaryDirectory { directory in
            let host = try SimulatedHost(in: directory, platform: "Linux /../agent")
            try Files.write(try #require(Files.bytes(Fixture.path)), to: "\(directory)/agent")
            mkdir("\(directory)/agent-Linux-", 0o755)
            let supply = Supply { _ in nil }
            try await withFixtureRouter {
                $0.image = .file("\(directory)/agent")
                $0.payloadProvider = supply
            } _: { router in
                let error = try await failure { try await router.simulated(host) }
                #expect(error.code == .noImage, "\(error)")
                #expect(supply.platforms == ["Linux _.._agent"])
            }
        }
    }

    @Test("A context that makes a connection gets the image from here", arguments: [[], ["gzip", "xz"]])
    func via(lacks: [String]) async throws {
        try await withTemporaryDirectory { directory in
            let host = try SimulatedHost(in: directory, platform: "Linux odd64", lacks: lacks)
            let image = try await Fixture.otherImage(in: directory)
            let supply = Supply { _ in .bytes(image) }
            try await withFixtureRouter {
                $0.payloadProvider = supply
            } _: { router in
                let jump = try await router.local { $0.name = "jump" }
                let names = try await withThrowingTaskGroup(of: String?.self) { group in
                    for number in 0..<3 {
                        group.addTask {
                            let context = try await router.simulated(host, via: jump)
                            #expect(try await context.call(Add(number, 1)) == number + 1)
                            return context.name
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(names == Array(repeating: "jump.ssh.host", count: 3))
                #expect(supply.platforms == ["Linux odd64"])
            }
        }
    }

    @Test("Through a context, an image that is nowhere is told by who has looked for it")
    func viaWithout() async throws {
        try await withTemporaryDirectory { directory in
            let host = try SimulatedHost(in: directory, platform: "Linux odd64")
            try Files.write(try #require(Files.bytes(Fixture.path)), to: "\(directory)/agent")
            try await withFixtureRouter {
                $0.image = .file("\(directory)/agent")
            } _: { router in
                let jump = try await router.local { $0.name = "jump" }
                let error = try await failure { try await router.simulated(host, via: jump) }
                #expect(error.code == .noImage)
                #expect(error.context == "jump → ssh.host")
                #expect(error.hint?.contains("\(directory)/agent-Linux-odd64") == true, "\(error)")
            }
            try await withFixtureRouter {
                $0.payloadProvider = Supply { _ in
                    try await Task.sleep(for: .seconds(3600))
                    return nil
                }
            } _: { router in
                let jump = try await router.local { $0.name = "jump" }
                let error = try await failure {
                    try await router.simulated(host, via: jump) { $0.connectTimeout = .seconds(0.5) }
                }
                #expect(error.code == .timeoutError)
                #expect(error.message.contains("Linux odd64"), "\(error)")
            }
        }
    }

    @Test("A damaged image in the cache is sent again and replaced", arguments: ["zeros", "another program"])
    func damagedCache(kind: String) async throws {
        try await withTemporaryDirectory { directory in
            let host = try SimulatedHost(in: directory, platform: "\(try Self.ownPlatform())")
            let image = try await Fixture.strippedCopy(in: directory)
            let name = "damaged \(kind)"
            try await withFixtureRouter {
                $0.image = .file(image)
            } _: { router in
                #expect(try await router.simulated(host).call(Add(1, 2)) == 3)
                let file = try #require(host.cached.first)
                let good = try #require(Files.bytes(file))
                var bad = kind == "zeros" ? [] : try #require(Files.bytes("/bin/true"))
                bad += [UInt8](repeating: 0, count: good.count - bad.count)
                // What runs cannot be written to.
                unlink(file)
                try Files.write(bad, to: file)
                chmod(file, 0o500)
                #expect(try await router.simulated(host) { $0.name = name }.call(Add(1, 2)) == 3)
                let lines = CapturedLog.lines(of: "mitogen").filter { $0.contains(name) }
                #expect(lines.count == 1 && lines.first?.contains("sent again") == true, "\(lines)")
                #expect(Files.bytes(file) == good)
                #expect(try await router.simulated(host) { $0.name = name }.call(Add(1, 2)) == 3)
                #expect(CapturedLog.lines(of: "mitogen").count { $0.contains(name) } == 1)
            }
        }
    }

    @Test("Attempts that fail again fail with the second error, in the same time")
    func failsTwice() async throws {
        try await withTemporaryDirectory { directory in
            let host = try SimulatedHost(in: directory, platform: "\(try Self.ownPlatform())")
            let image = try await Fixture.strippedCopy(in: directory)
            try await withFixtureRouter {
                $0.image = .file(image)
            } _: { router in
                #expect(try await router.simulated(host).call(Add(1, 2)) == 3)
                let file = try #require(host.cached.first)
                let size = try #require(Files.bytes(file)).count
                // What runs cannot be written to.
                unlink(file)
                try Files.write([UInt8](repeating: 0, count: size), to: file)
                chmod(file, 0o500)
                // What comes now never ends.
                for tool in ["dd", "head"] { try host.script(tool) { "exec \(SimulatedHost.path(of: "sleep")!) 100" } }
                let start = ContinuousClock.now
                let error = try await failure { try await router.simulated(host) { $0.connectTimeout = .seconds(2) } }
                #expect(error.code == .timeoutError, "\(error)")
                #expect(error.message.contains("sending the image"), "\(error)")
                #expect(ContinuousClock.now - start < .seconds(3))
            }
        }
    }

    @Test("The image travels as it is asked for", arguments: ImageCompression.allCases)
    func compression(_ compression: ImageCompression) async throws {
        guard SimulatedHost.path(of: "xz") != nil else { try Test.cancel("there is no xz") }
        try await withTemporaryDirectory { directory in
            let host = try SimulatedHost(in: directory, platform: "\(try Self.ownPlatform())")
            let image = try await Fixture.strippedCopy(in: directory)
            for tool in ["gzip", "xz"] {
                let path = try #require(SimulatedHost.path(of: tool))
                try host.script(tool) { "echo \(tool) >>\(directory)/used; exec \(path) \"$@\"" }
            }
            try await withFixtureRouter {
                $0.image = .file(image)
                $0.imageCompression = compression
            } _: { router in
                let context = try await router.simulated(host)
                #expect(try await context.call(Add(1, 2)) == 3)
            }
            let used = Files.text("\(directory)/used") ?? ""
            #expect(used == (compression == .none ? "" : "\(compression)\n"))
        }
    }

    private static func ownPlatform() throws -> TargetPlatform {
        var names = utsname()
        try #require(uname(&names) == 0)
        func text<Field>(_ field: Field) -> String {
            withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        }
        return TargetPlatform(system: text(names.sysname), machine: text(names.machine))
    }
}

private enum ImageMachine {
    /// Whether the fixture is for x86_64, so that it is wrong for the others.
    static let isX86: Bool = {
        guard let path = try? Fixture.path, let bytes = Files.bytes(path) else { return false }
        return ELFImage(Array(bytes.prefix(65536)))?.machine == 62
    }()
}
