//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import MitogenProtocol
import Testing

/// The first stage in real shells, on real file systems.
@Suite(
    "The first stage in real shells",
    .serialized,
    .enabled(if: DummyImage.shared != nil, "gcc cannot make a static program here")
)
struct ShellTests {
    static let shells = ["sh", "dash", "bash", "busybox", "zsh", "fish", "tcsh"]
    /// Shells that can be the `sh` of a target.
    static let posixShells = ["dash", "bash", "busybox", "zsh"]

    let dummy: DummyImage
    let folder: TemporaryFolder
    let home: String
    let temporary: String

    init() throws {
        dummy = try #require(DummyImage.shared)
        folder = try TemporaryFolder()
        home = try folder.make("home")
        temporary = try folder.make("tmp")
    }

    var cached: String { "\(home)/.cache/mitogen/\(dummy.sha256)" }

    /// A far side with a home and a temporary folder of its own.
    func options(_ change: (inout FarSide.Options) throws -> Void = { _ in }) rethrows -> FarSide.Options {
        var options = FarSide.Options()
        options.environment = ["HOME": home, "TMPDIR": temporary]
        try change(&options)
        return options
    }

    func run(_ change: (inout FarSide.Options) throws -> Void = { _ in }) throws -> FarSide.Outcome {
        try FarSide(try options(change)).run()
    }

    /// Makes `name` the `sh` of the far side, and for BusyBox every other tool too.
    func usePosixShell(_ name: String, _ options: inout FarSide.Options) throws {
        guard let path = Tool.path(name) else { try Test.cancel("\(name) is not installed") }
        let tools = try folder.make("bin-\(name)")
        if name == "busybox" {
            _ = Tool.output("busybox", "--install", "-s", tools)
            options.environment["PATH"] = tools
        } else {
            try? FileManager.default.createSymbolicLink(atPath: "\(tools)/sh", withDestinationPath: path)
            options.environment["PATH"] = "\(tools):/usr/sbin:/usr/bin:/sbin:/bin"
        }
    }

    /// The image runs as it should, from a place that `path` tells.
    func expectRun(_ outcome: FarSide.Outcome, from path: String, umask: String? = nil) {
        #expect(outcome.failure == nil, "\(outcome.failure.map { "\($0.error)" } ?? "")")
        #expect(outcome.diagnostics == "")
        #expect(outcome.exitStatus == 0)
        guard outcome.answer.count >= 7 else { return #expect(outcome.answer.count >= 7, "\(outcome)") }
        #expect(outcome.answer[0] == "2" && outcome.answer[1] == "mitogen:me@test:1")
        #expect(outcome.answer[3] == "/")
        #expect(outcome.answer[5].hasPrefix(path), "\(outcome.answer)")
        #expect(outcome.answer.last == "configuration")
        if let umask { #expect(outcome.answer[4] == umask) }
    }

    func expectNothingLeft() {
        #expect(folder.files("tmp").isEmpty)
        #expect(folder.files("home").filter { $0.contains(".mitogen-") }.isEmpty)
    }

    // MARK: Shells

    @Test("Uploaded to the cache, then run from it, by any login shell", arguments: shells)
    func loginShell(name: String) throws {
        defer { folder.remove() }
        guard let path = Tool.path(name) else { try Test.cancel("\(name) is not installed") }
        let shell = name == "busybox" ? [path, "ash"] : [path]
        let first = try run { $0.loginShell = shell }
        expectRun(first, from: cached)
        #expect(first.wasSent)
        let second = try run { $0.loginShell = shell }
        expectRun(second, from: cached)
        #expect(!second.wasSent)
        // fish has folders of its own.
        #expect(folder.files("home/.cache") == ["mitogen", "mitogen/\(dummy.sha256)"])
        expectNothingLeft()
    }

    @Test("Every shell as sh, every form of the image, with and without the cache", arguments: posixShells)
    func posixShell(name: String) throws {
        defer { folder.remove() }
        for compression in ImageCompression.allCases where !dummy.content(compression).isEmpty {
            try? FileManager.default.removeItem(atPath: "\(home)/.cache")
            for round in 0..<2 {
                let outcome = try run {
                    try usePosixShell(name, &$0)
                    $0.compression = compression
                }
                expectRun(outcome, from: cached)
                #expect(outcome.wasSent == (round == 0))
            }
            let uncached = try run {
                try usePosixShell(name, &$0)
                $0.compression = compression
                $0.usesCache = false
            }
            expectRun(uncached, from: "\(temporary)/.mitogen-")
            #expect(uncached.answer.contains("(deleted)"))
            expectNothingLeft()
        }
    }

    @Test("Without dd's flags it is head that counts", arguments: posixShells)
    func head(name: String) throws {
        defer { folder.remove() }
        let outcome = try run {
            try usePosixShell(name, &$0)
            let old = try folder.make("old")
            try "#!/bin/sh\nexit 1\n".write(toFile: "\(old)/dd", atomically: false, encoding: .utf8)
            chmod("\(old)/dd", 0o755)
            $0.environment["PATH"] = "\(old):\($0.environment["PATH"] ?? "")"
        }
        expectRun(outcome, from: cached)
    }

    @Test("Noise of login scripts, without a line end")
    func noise() throws {
        defer { folder.remove() }
        let outcome = try run { $0.preparation = "head -c 60000 /dev/zero|tr '[\\000]' x;printf 'last words'" }
        expectRun(outcome, from: cached)
    }

    @Test("A link that holds no more than 4 KiB", arguments: posixShells)
    func smallBuffers(name: String) throws {
        defer { folder.remove() }
        for compression in [ImageCompression.gzip, .none] {
            let outcome = try run {
                try usePosixShell(name, &$0)
                $0.compression = compression
                $0.usesCache = false
                $0.linkCapacity = 4096
            }
            expectRun(outcome, from: "\(temporary)/.mitogen-")
            #expect(outcome.wasSent)
        }
    }

    // MARK: Executables

    @Test(
        "A ready executable, alone or behind a wrapper, whatever is in its name",
        arguments: ["image", "it's \"my\" $HOME `image`\\!"]
    )
    func executable(name: String) throws {
        defer { folder.remove() }
        let path = "\(folder.path)/\(name)"
        try Data(dummy.content).write(to: URL(fileURLWithPath: path))
        chmod(path, 0o755)
        for words in [[path], ["env", "A=b c", path]] {
            let outcome = try run { $0.program = .executable(words) }
            expectRun(outcome, from: String(path.prefix { $0 != " " }))
            #expect(!outcome.wasSent)
        }
    }

    @Test("An executable that cannot be executed", arguments: ["missing", "mode", "format"])
    func unusable(kind: String) throws {
        defer { folder.remove() }
        let path = "\(folder.path)/image"
        if kind != "missing" {
            try Data([0x7F, 0x45, 0x4C, 0x46] + [UInt8](repeating: 0, count: 100)).write(
                to: URL(fileURLWithPath: path)
            )
            chmod(path, kind == "mode" ? 0o600 : 0o755)
        }
        let outcome = try run {
            $0.program = .executable([path])
            $0.preparation = "exec 2>&1"
        }
        #expect(outcome.failure?.code == (kind == "format" ? .wrongArchitecture : .executeError))
        #expect(outcome.failure?.lines.isEmpty == false)
    }
}
