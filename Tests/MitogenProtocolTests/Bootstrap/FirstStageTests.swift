//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol
import Testing

@Suite("The first stage's text")
struct FirstStageTests {
    static let key = String(repeating: "0123456789abcdef", count: 4)
    static let image = BootstrapImage(key: key, size: 7_512_345, platform: .init(system: "Linux", machine: "x86_64"))
    static let random = "0123456789abcdef0123456789abcdef"

    static func stage(
        _ program: FirstStage.Program = .image(image),
        usesCache: Bool = true,
        replacesCached: Bool = false,
        name: String = "user@host.example.org:12345"
    ) throws -> FirstStage {
        try FirstStage(
            program: program,
            usesCache: usesCache,
            replacesCached: replacesCached,
            remoteName: name,
            random: random
        )
    }

    static var programs: [FirstStage.Program] {
        [
            .image(image), .image(nil), .executable(["/usr/bin/my agent"]),
            .executable(["env", "A=b", "/opt/it's!/\"$HOME\"\\`x`"]),
        ]
    }

    @Test("The script passes through every login shell", arguments: programs, [true, false])
    func characters(program: FirstStage.Program, usesCache: Bool) throws {
        let script = try Self.stage(program, usesCache: usesCache, name: "it's ü!\\\n\"$x`y`").script
        #expect(script.utf8.allSatisfy { (0x20..<0x7F).contains($0) && !"'!\\".utf8.contains($0) })
        #expect(!script.contains(#/(^|[;&|{ ])(?!export )[A-Za-z_]+=[^; ]* +[a-z]/#.ignoresCase()))
        // No loop but over the lines that `ls` prints.
        let rest = script.replacing("|(n=0;while read", with: "")
        for word in ["for ", "while ", "until "] { #expect(!rest.contains(word)) }
    }

    @Test("The script is small, and the other part no larger than it must be")
    func sizes() throws {
        let stage = try Self.stage()
        #expect(stage.shellCommand.utf8.count <= 700)
        #expect(try Self.stage(replacesCached: true).shellCommand.utf8.count < stage.shellCommand.utf8.count)
        #expect(try Self.stage(usesCache: false).shellCommand.utf8.count <= 150)
        let line = stage.uploadLine(for: Self.image, compression: .gzip, sha256: Self.key)
        #expect(line.utf8.count <= 2500)
        #expect(!line.contains("\n"))
        #expect(!line.contains("while ") && !line.contains("until ") && !line.contains("for "))
    }

    @Test("A tool that prints the command does not print the marker", arguments: programs)
    func marker(program: FirstStage.Program) throws {
        let stage = try Self.stage(program)
        #expect(!stage.shellCommand.contains(stage.marker))
    }

    @Test("For a login behind sudo there is nothing that the login shell would replace", arguments: programs)
    func login(program: FirstStage.Program) throws {
        let stage = try Self.stage(program)
        let words = stage.loginArguments
        #expect(words.count == 3 && !words[2].contains("$") && !words[2].contains("!"))
        #expect(words[2].utf8.count <= 1200)
        // What `printf %b` makes of it is the script.
        let parts = words[2].split(separator: "'")
        #expect(parts.count == 3)
        #expect(Tool.output("printf", "%b", String(parts[1])) == stage.script)
    }

    @Test(
        "LC_ALL is set back if the tool has passed its own on, and left alone if not",
        arguments: [
            ("fr_FR.UTF-8", "C", "fr_FR.UTF-8"), (nil, "C", nil), ("fr_FR", "de_DE", "de_DE"), ("fr_FR", nil, nil),
            ("C", "C", "C"), ("$(echo x)'", "C", nil),
        ] as [(String?, String?, String?)]
    )
    func locale(own: String?, passed: String?, expected: String?) throws {
        var stage = try Self.stage(.executable(["/usr/bin/printenv", "LC_ALL"]))
        stage.restores(locale: own, insteadOf: "C")
        #expect(stage.script.utf8.allSatisfy { (0x20..<0x7F).contains($0) && !"'!\\".utf8.contains($0) })
        let environment = passed.map { "LC_ALL=\($0)" } ?? "A=b"
        for words in [stage.arguments, stage.loginArguments] {
            let output = Tool.output("env", ["-u", "LC_ALL", environment, "sh", "-c", "\"$@\";true", "sh"] + words)
            #expect(output.split(separator: "\n").dropFirst().first.map(String.init) == expected)
        }
    }

    @Test("The name is harmless, and as long as it was")
    func name() throws {
        #expect(try Self.stage(name: "a/b c'd$e").argument == "mitogen:a_b_c_d_e")
        #expect(try Self.stage(name: "user@host:1").argument == "mitogen:user@host:1")
        #expect(try Self.stage(name: String(repeating: "é", count: 500)).argument.utf8.count == 208)
    }

    @Test("What cannot be a command is refused", arguments: [[], [""], ["a\nb"], ["a", "b\0"], ["\r"]])
    func refused(words: [String]) {
        let error = #expect(throws: MitogenError.self) { try Self.stage(.executable(words)) }
        #expect(error?.code == .misuse)
    }

    @Test("The size decides what a cached image is")
    func size() throws {
        let other = BootstrapImage(key: Self.key, size: 1, platform: Self.image.platform)
        #expect(try Self.stage().script != Self.stage(.image(other)).script)
    }
}
