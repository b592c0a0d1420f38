//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import MitogenProtocol
import Testing

extension ShellTests {
    /// Whoever may change a file's way is not trusted.
    @Test(
        "The cache is used only if nobody else can have changed it",
        arguments: ["home", "home group", "folder", "link", "link above", "image", "image mode", "size", "owner"]
    )
    func distrust(kind: String) throws {
        defer { folder.remove() }
        expectRun(try run(), from: cached)
        let manager = FileManager.default
        switch kind {
        case "home": chmod(home, 0o777)
        case "home group": chmod(home, 0o775)
        case "folder": chmod("\(home)/.cache/mitogen", 0o777)
        case "link":
            try manager.moveItem(atPath: "\(home)/.cache/mitogen", toPath: "\(home)/real")
            try manager.createSymbolicLink(atPath: "\(home)/.cache/mitogen", withDestinationPath: "\(home)/real")
        case "link above":
            try manager.moveItem(atPath: "\(home)/.cache", toPath: "\(home)/real")
            try manager.createSymbolicLink(atPath: "\(home)/.cache", withDestinationPath: "\(home)/real")
        case "image":
            try manager.moveItem(atPath: cached, toPath: "\(home)/image")
            try manager.createSymbolicLink(atPath: cached, withDestinationPath: "\(home)/image")
        case "image mode": chmod(cached, 0o755)
        case "size":
            chmod(cached, 0o700)
            truncate(cached, dummy.content.count - 1)
            chmod(cached, 0o500)
        default:
            guard getuid() == 0 else { try Test.cancel("only root can give a home to somebody else") }
            for path in [home, "\(home)/.cache", "\(home)/.cache/mitogen", cached] { chown(path, 4321, 4321) }
        }
        let outcome = try run()
        #expect(outcome.wasSent)
        // A wrong image in a right place is replaced.
        expectRun(outcome, from: ["image", "image mode", "size"].contains(kind) ? cached : temporary)
        expectNothingLeft()
    }

    @Test("The child has the umask that it would have, and the cache has its own", arguments: ["000", "022", "077"])
    func umask(mask: String) throws {
        defer { folder.remove() }
        for _ in 0..<2 { expectRun(try run { $0.preparation = "umask \(mask)" }, from: cached, umask: mask) }
        for (path, mode) in [("\(home)/.cache", 0o700), ("\(home)/.cache/mitogen", 0o700), (cached, 0o500)] {
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            #expect(attributes[.posixPermissions] as? Int == mode)
        }
        let outcome = try run {
            $0.preparation = "umask \(mask)"
            $0.usesCache = false
        }
        expectRun(outcome, from: temporary, umask: mask)
    }

    @Test("Without a home, and with one that is not there", arguments: ["", "absent", "unset"])
    func noHome(kind: String) throws {
        defer { folder.remove() }
        let outcome = try run {
            $0.environment["HOME"] = kind == "unset" ? nil : kind.isEmpty ? "" : "\(folder.path)/absent"
        }
        expectRun(outcome, from: temporary)
        #expect(folder.files().filter { $0.contains(".cache") }.isEmpty)
    }

    @Test("Spaces in the names of folders")
    func spaces() throws {
        defer { folder.remove() }
        let home = try folder.make("my home")
        for _ in 0..<2 { expectRun(try run { $0.environment["HOME"] = home }, from: "\(folder.path)/my") }
        #expect(folder.files("my home/.cache/mitogen") == [dummy.sha256])
        let outcome = try run {
            $0.environment["TMPDIR"] = home
            $0.usesCache = false
        }
        expectRun(outcome, from: "\(folder.path)/my")
    }

    @Test("Images that nobody has used for 14 days go when another one comes")
    func cleanup() throws {
        defer { folder.remove() }
        let cache = try folder.make("home/.cache/mitogen", mode: 0o700)
        chmod("\(home)/.cache", 0o700)
        let old = Date(timeIntervalSinceNow: -16 * 86400)
        for name in ["aaaa", "bbbb"] {
            try Data([1]).write(to: URL(fileURLWithPath: "\(cache)/\(name)"))
        }
        try FileManager.default.setAttributes([.modificationDate: old], ofItemAtPath: "\(cache)/aaaa")
        expectRun(try run(), from: cached)
        #expect(folder.files("home/.cache/mitogen") == [dummy.sha256, "bbbb"].sorted())
    }

    @Test("64 first connections to one home at the same time")
    func many() throws {
        defer { folder.remove() }
        let sides = try (0..<64).map { _ in try FarSide(options()) }
        nonisolated(unsafe) let all = sides
        let outcomes = (0..<64).map { _ in OutcomeBox() }
        let group = DispatchGroup()
        for index in 0..<64 {
            group.enter()
            Thread.detachNewThread {
                outcomes[index].value = all[index].run()
                group.leave()
            }
        }
        group.wait()
        for outcome in outcomes { expectRun(outcome.value, from: cached) }
        #expect(outcomes.contains { $0.value.wasSent })
        #expect(folder.files("home") == [".cache", ".cache/mitogen", ".cache/mitogen/\(dummy.sha256)"])
        expectNothingLeft()
    }

    /// Each is written by one thread and read when all are done.
    private final class OutcomeBox: @unchecked Sendable {
        var value = FarSide.Outcome()
    }

    @Test("An image that did not run is replaced, by every shell", arguments: posixShells)
    func replaced(name: String) throws {
        defer { folder.remove() }
        func attempt(replaces: Bool) throws -> FarSide.Outcome {
            try run {
                try usePosixShell(name, &$0)
                $0.replacesCached = replaces
                $0.preparation = "exec 2>&1"
            }
        }
        expectRun(try attempt(replaces: false), from: cached)
        chmod(cached, 0o700)
        try Data(count: dummy.content.count).write(to: URL(fileURLWithPath: cached))
        chmod(cached, 0o500)
        let failure = try #require(try attempt(replaces: false).failure)
        #expect(failure.retry == .withoutCache, "\(failure.error)")
        let second = try attempt(replaces: true)
        #expect(second.wasSent)
        expectRun(second, from: cached)
        let third = try attempt(replaces: false)
        #expect(!third.wasSent)
        expectRun(third, from: cached)
        expectNothingLeft()
    }

    @Test("What killed uploads have left for a day goes, and nothing else", arguments: posixShells, [true, false])
    func stale(name: String, usesCache: Bool) throws {
        defer { folder.remove() }
        let place = usesCache ? try folder.make("home/.cache/mitogen", mode: 0o700) : temporary
        if usesCache { chmod("\(home)/.cache", 0o700) }
        try FileManager.default.createDirectory(atPath: "\(place)/sub", withIntermediateDirectories: false)
        try FileManager.default.createDirectory(atPath: "\(place)/.mitogen-folder", withIntermediateDirectories: false)
        let old = Date(timeIntervalSinceNow: -50 * 3600)
        var kept = ["sub", ".mitogen-folder"]
        for (file, isKept) in [
            (".mitogen-old", false), (".mitogen-new", true), ("x.mitogen-old", true), ("sub/.mitogen-old", true),
            (".mitogen-other", true),
        ] {
            let path = "\(place)/\(file)"
            try Data([1]).write(to: URL(fileURLWithPath: path))
            if file != ".mitogen-new" {
                try FileManager.default.setAttributes([.modificationDate: old], ofItemAtPath: path)
            }
            // Only root can give a file away; it could also remove it.
            let isOurs = file != ".mitogen-other" || chown(path, 4321, 4321) != 0
            if isKept, file != ".mitogen-other" || !isOurs { kept.append(file) }
        }
        try FileManager.default.setAttributes([.modificationDate: old], ofItemAtPath: "\(place)/.mitogen-folder")
        let outcome = try run {
            try usePosixShell(name, &$0)
            $0.usesCache = usesCache
        }
        expectRun(outcome, from: place)
        let below = String(place.dropFirst(folder.path.utf8.count + 1))
        let files = folder.files(below).filter { $0 != dummy.sha256 }
        #expect(files == kept.sorted(), "\(files)")
    }
}
