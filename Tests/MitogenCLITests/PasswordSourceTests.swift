//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Foundation
internal import Mitogen
internal import Testing

@testable import MitogenCLI

@Suite("Passwords of the command line")
struct PasswordSourceTests {
    private func withFile<Result>(_ text: String, _ body: (String) throws -> Result) throws -> Result {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("password-\(UUID().uuidString)")
        try Data(text.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        return try body(file.path)
    }

    @Test(
        "A password is a file's first line",
        arguments: [("secret\n", "secret"), ("secret", "secret"), ("two words \r\nmore\n", "two words "), ("é\n", "é")]
    )
    func files(content: String, password: String) throws {
        try withFile(content) { path in
            let source = try #require(try PasswordSource(asks: false, file: path, prompt: "", option: "password"))
            #expect(try source.read().value == password)
        }
    }

    @Test("A password that is not UTF-8 is refused, not changed")
    func bytes() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("password-\(UUID().uuidString)").path
        try Data([0x61, 0xe9, 0x0a]).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let error = #expect(throws: ArgumentError.self) { try PasswordSource.file(path).read() }
        #expect(error?.description == "the password is not UTF-8")
    }

    @Test("An empty or missing file, and two sources at once, are errors that show no password")
    func errors() throws {
        try withFile("\nsecret\n") { path in
            let error = #expect(throws: ArgumentError.self) { try PasswordSource.file(path).read() }
            #expect(error?.description.contains("is empty") == true)
            #expect(error?.description.contains("secret") == false)
        }
        let missing = #expect(throws: ArgumentError.self) { try PasswordSource.file("/nonexistent/mitogen").read() }
        #expect(missing?.description.contains("No such file") == true)
        let both = #expect(throws: ArgumentError.self) {
            try PasswordSource(asks: true, file: "x", prompt: "", option: "become-password")
        }
        #expect(both?.description == "--ask-become-password and --become-password-file exclude each other")
        #expect(try PasswordSource(asks: false, file: nil, prompt: "", option: "password") == nil)
    }

    @Test("Settings that hold a password do not show it")
    func redacted() {
        var settings = HopSettings()
        settings.password = "hunter2"
        settings.becomePassword = "hunter3"
        settings.passphrase = "hunter4"
        for text in ["\(settings)", String(reflecting: settings)] {
            #expect(!text.contains("hunter"))
            #expect(text.contains("<redacted>"))
        }
    }
}
