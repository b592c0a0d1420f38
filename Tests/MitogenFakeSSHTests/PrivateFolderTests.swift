//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Foundation
internal import Glibc
internal import Synchronization
internal import Testing

@testable internal import MitogenFakeSSH

@Suite("The folder with a program's ssh")
struct PrivateFolderTests {
    private static func withPlace(_ body: (String) throws -> Void) throws {
        var template = Array("/tmp/mitogen-folder-test-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let place = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        defer { try? FileManager.default.removeItem(atPath: place) }
        try body(place)
    }

    /// A folder as a process that was killed leaves it.
    private static func makeFolder(_ path: String, links: [String] = ["ssh", "scp", "sftp"]) throws {
        try #require(mkdir(path, 0o700) == 0)
        for link in links { try #require(symlink("/proc/1/exe", "\(path)/\(link)") == 0) }
        let socket = open("\(path)/socket", O_CREAT | O_WRONLY, 0o600)
        try #require(socket >= 0)
        close(socket)
    }

    private static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    @Test("What a process that was killed has left is removed, and nothing else")
    func leftovers() throws {
        try Self.withPlace { place in
            let name = "\(place)/mitogen-fakessh-"
            try Self.makeFolder("\(name)killed")
            try Self.makeFolder("\(name)alive")
            let lock = open("\(name)alive", O_RDONLY | O_CLOEXEC)
            try #require(lock >= 0 && lockFolder(lock) == 0)
            defer { close(lock) }
            // One that is being made in this moment.
            try Self.makeFolder("\(name)begun", links: [])
            try Self.makeFolder("\(name)foreign")
            let file = open("\(name)foreign/notes", O_CREAT | O_WRONLY, 0o600)
            try #require(file >= 0)
            close(file)
            try Self.makeFolder("\(place)/mitogen-other")
            try #require(symlink("\(place)/mitogen-other", "\(name)link") == 0)
            PrivateFolder.removeLeftovers(in: place)
            #expect(!Self.exists("\(name)killed"))
            #expect(Self.exists("\(name)alive/ssh") || Self.exists("\(name)alive/socket"))
            #expect(Self.exists("\(name)begun/socket"))
            #expect(Self.exists("\(name)foreign/notes"), "what others have put there stays")
            #expect(Self.exists("\(place)/mitogen-other/socket"), "a link leads nowhere")
        }
    }

    @Test("Folders are made while others look for what was left behind", .timeLimit(.minutes(1)))
    func together() throws {
        let first = try PrivateFolder()
        let place = String(first.path[..<(try #require(first.path.lastIndex(of: "/")))])
        close(first.listener)
        first.remove()
        // Leftovers, with the links of which each is removed by one of them.
        for number in 0..<50 { try Self.makeFolder("\(place)/mitogen-fakessh-left\(number)") }
        let isDone = Atomic(false)
        let failures = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 4) { index in
            guard index > 0 else {
                for _ in 0..<2000 {
                    do {
                        let folder = try PrivateFolder()
                        close(folder.listener)
                        if !Self.exists("\(folder.path)/ssh") { failures.withLock { $0.append("it is gone") } }
                        folder.remove()
                    } catch {
                        failures.withLock { $0.append("\(error)") }
                    }
                }
                isDone.store(true, ordering: .sequentiallyConsistent)
                return
            }
            while !isDone.load(ordering: .sequentiallyConsistent) { PrivateFolder.removeLeftovers(in: place) }
        }
        #expect(failures.withLock { $0 }.isEmpty)
        for number in 0..<50 { #expect(!Self.exists("\(place)/mitogen-fakessh-left\(number)")) }
    }

    @Test("A folder that is in use is not removed by another, and goes with its owner")
    func use() throws {
        let folder = try PrivateFolder()
        let place = String(folder.path[..<(try #require(folder.path.lastIndex(of: "/")))])
        PrivateFolder.removeLeftovers(in: place)
        #expect(Self.exists("\(folder.path)/socket"))
        close(folder.listener)
        folder.remove()
        #expect(!Self.exists(folder.path))
    }
}

/// The name stands for a structure and a function in C.
private func lockFolder(_ descriptor: Int32) -> Int32 { flock(descriptor, LOCK_EX | LOCK_NB) }
