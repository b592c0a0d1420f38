//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import MitogenProtocol
import Testing

extension ShellTests {
    // MARK: Uploads that go wrong

    @Test("A cut link leaves no process and no file", arguments: [true, false])
    func cutLink(usesCache: Bool) throws {
        defer { folder.remove() }
        let line = try FarSide.stage(options { $0.usesCache = usesCache })
            .uploadLine(for: dummy.image, compression: .gzip, sha256: dummy.sha256).utf8.count
        let start = line + 1 + "\(dummy.compressed.count)\n".utf8.count
        // Without gzip's last bytes (its checksum) the image is whole, which its own hash proves: it may be kept.
        let total = start + dummy.compressed.count - 16
        var cuts = [0, 1, line - 1, total - 1] + Array(line...start)
        cuts += stride(from: 100, to: line, by: 331)
        cuts += stride(from: start + 1, to: total, by: total / 12)
        for cut in cuts {
            let outcome = try run {
                $0.cut = cut
                $0.usesCache = usesCache
            }
            #expect(outcome.secondsToEnd < 1, "cut at \(cut)")
            #expect(outcome.answer.isEmpty)
            #expect(outcome.failure?.stage == .sendingImage)
            expectNothingLeft()
            #expect(!FileManager.default.fileExists(atPath: cached), "cut at \(cut)")
        }
    }

    @Test("An input that ends early is told from a lost connection")
    func halfClosed() throws {
        defer { folder.remove() }
        let line = try FarSide.stage(options()).uploadLine(
            for: dummy.image,
            compression: .gzip,
            sha256: dummy.sha256
        ).utf8.count
        for cut in stride(from: 0, to: line + dummy.compressed.count - 16, by: 23_456) {
            let outcome = try run {
                $0.cut = cut
                $0.cutsInputOnly = true
            }
            #expect(outcome.failure?.code == (cut <= line ? .connectionLost : .truncatedUpload), "cut at \(cut)")
            #expect(outcome.failure?.stage == .sendingImage)
            expectNothingLeft()
        }
    }

    /// Shells do not wait for an input that does not block: it depends on what is there already.
    @Test("With an input that does not block the image runs, or the attempt fails at once", arguments: posixShells)
    func nonBlocking(name: String) throws {
        defer { folder.remove() }
        let start = ContinuousClock.now
        let outcome = try run {
            try usePosixShell(name, &$0)
            $0.isNonBlocking = true
        }
        #expect(start.duration(to: .now) < .seconds(10))
        if outcome.failure != nil {
            #expect(outcome.answer.isEmpty, "\(outcome)")
        } else {
            expectRun(outcome, from: cached)
        }
        expectNothingLeft()
    }

    @Test("It waits without using the processor")
    func idle() throws {
        defer { folder.remove() }
        let side = try FarSide(options())
        usleep(500_000)
        let before = side.ticks
        usleep(1_000_000)
        #expect(side.ticks == before)
        side.cutLink()
        #expect(!side.isAlive)
    }

    @Test("Content that is not what was sent", arguments: posixShells)
    func damage(name: String) throws {
        defer { folder.remove() }
        var flipped = dummy.content
        flipped[flipped.count / 2] ^= 1
        let uploads: [(ImageCompression, [UInt8], MitogenError.Code)] = [
            (.none, flipped, .checksumMismatch),
            (.none, dummy.content + [0], .checksumMismatch),
            (.none, Array(dummy.content.dropLast()), .truncatedUpload),
            (.none, [], .truncatedUpload),
            (.gzip, Array(dummy.compressed.dropLast(100)), .truncatedUpload),
            (.gzip, [UInt8](repeating: 0x78, count: 500_000), .checksumMismatch),
        ]
        for (compression, upload, code) in uploads {
            let outcome = try run {
                try usePosixShell(name, &$0)
                $0.compression = compression
                $0.upload = upload
            }
            #expect(outcome.failure?.code == code, "\(outcome.failure?.error.description ?? "\(outcome)")")
            #expect(outcome.failure?.hint != nil)
            #expect(!FileManager.default.fileExists(atPath: cached))
            expectNothingLeft()
        }
    }

    // MARK: Places

    /// Folders where programs do not run, or nothing fits; what is given keeps its place.
    private static func mounts(_ options: String, except kept: String...) -> String {
        let folders = ["/tmp", "/var/tmp", "/run", "/dev/shm", "/dev"].filter { !kept.contains($0) }
        let device = kept.contains("/dev") ? "" : ";mknod -m 666 /dev/null c 1 3"
        return "cd /proc;"
            + folders.map { "mount -t tmpfs -o \($0 == "/dev" ? "noexec" : options) x \($0);" }.joined() + ":\(device)"
    }

    private static func hide(_ tools: String...) -> String {
        tools.map { ";for i in /usr/bin/\($0)*;do mount --bind /dev/null $i;done" }.joined()
    }

    private func runMounted(_ name: String, _ preparation: String) throws -> FarSide.Outcome {
        guard Tool.canMount else { try Test.cancel("mounting needs root and unshare") }
        return try run {
            guard let path = Tool.path(name) else { try Test.cancel("\(name) is not installed") }
            $0.loginShell = name == "busybox" ? [path, "ash"] : [path]
            $0.mounts = true
            $0.environment = ["HOME": "/absent"]
            $0.preparation = preparation
        }
    }

    @Test("Where nothing runs from /tmp another folder is found", arguments: posixShells)
    func noexec(name: String) throws {
        defer { folder.remove() }
        expectRun(try runMounted(name, Self.mounts("noexec", except: "/run")), from: "/run/.mitogen-")
        expectRun(try runMounted(name, Self.mounts("ro", except: "/dev")), from: "/dev/.mitogen-")
    }

    @Test("A folder that is too small is not used", arguments: posixShells)
    func small(name: String) throws {
        defer { folder.remove() }
        let outcome = try runMounted(name, Self.mounts("size=64k", except: "/run"))
        expectRun(outcome, from: "/run/.mitogen-")
    }

    @Test("Where no folder will do, perl or python3 makes a file in memory", arguments: [["python3"], ["perl"]])
    func memory(hidden: [String]) throws {
        defer { folder.remove() }
        let other = hidden == ["perl"] ? "python3" : "perl"
        guard Tool.path(other) != nil else { try Test.cancel("\(other) is not installed") }
        let outcome = try runMounted("sh", Self.mounts("noexec") + Self.hide(hidden[0]))
        expectRun(outcome, from: "/memfd:mitogen")
    }

    @Test("Where nothing will do, the error says what was tried")
    func nowhere() throws {
        defer { folder.remove() }
        let outcome = try runMounted("sh", Self.mounts("noexec") + Self.hide("perl", "python3"))
        let failure = try #require(outcome.failure)
        #expect(failure.code == .noPlaceToRun)
        #expect(failure.tried.contains("/tmp (programs do not run there)"))
        #expect(failure.tried.contains { $0.hasPrefix("memory") })
        let full = try runMounted("sh", Self.mounts("size=64k") + Self.hide("perl", "python3"))
        #expect(full.failure?.code == .diskFull)
        #expect(full.failure?.tried.contains("/tmp (not enough space)") == true)
    }

    @Test("Where inodes are used up, the error says so", arguments: posixShells)
    func inodes(name: String) throws {
        defer { folder.remove() }
        let none = Self.mounts("nr_inodes=1,size=64m") + Self.hide("perl", "python3")
        let failure = try #require(try runMounted(name, none).failure)
        #expect(failure.code == .diskFull)
        #expect(failure.message.contains("inodes"))
        #expect(failure.hint?.apiText.contains("df -i") == true)
        #expect(failure.tried.contains("/tmp (no inodes left)"))
        // A disk without space for a file's name, either, is one without space.
        let full = try runMounted("sh", Self.mounts("nr_inodes=1,size=64k") + Self.hide("perl", "python3"))
        #expect(full.failure?.tried.contains("/tmp (not enough space)") == true)
        expectRun(try runMounted(name, Self.mounts("nr_inodes=1", except: "/run")), from: "/run/.mitogen-")
    }

    @Test("A disk that becomes full is told from a cut link", arguments: [ImageCompression.gzip, .none])
    func diskFull(compression: ImageCompression) throws {
        defer { folder.remove() }
        guard Tool.canMount else { try Test.cancel("mounting needs root and unshare") }
        let outcome = try run {
            $0.compression = compression
            $0.mounts = true
            $0.environment = ["HOME": "/absent"]
            // Nobody says how much is free.
            $0.preparation = Self.mounts("size=64k") + Self.hide("perl", "python3", "df")
        }
        #expect(outcome.failure?.code == .diskFull)
        #expect(outcome.failure?.message.contains("No space left") == true)
    }

    @Test("A home that cannot be written to, or lets nothing run", arguments: ["ro", "noexec"])
    func home(kind: String) throws {
        defer { folder.remove() }
        guard Tool.canMount else { try Test.cancel("mounting needs root and unshare") }
        let outcome = try run {
            $0.mounts = true
            $0.preparation = "mount -t tmpfs -o mode=755,\(kind) x \(home)"
        }
        expectRun(outcome, from: temporary)
    }

    @Test("Without /proc the program removes its file itself", arguments: posixShells)
    func noProc(name: String) throws {
        defer { folder.remove() }
        let outcome = try runMounted(name, "cd /;mount --bind \(home) /proc")
        expectRun(outcome, from: "-")
        try #require(outcome.answer.count > 2)
        #expect(outcome.answer[2].hasPrefix("/tmp/.mitogen-"))
        #expect(!FileManager.default.fileExists(atPath: outcome.answer[2]))
    }
}
