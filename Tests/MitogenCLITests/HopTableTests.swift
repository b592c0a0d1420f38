//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import Glibc
import Mitogen
import Testing

@testable import MitogenCLI

@Suite("Hop tables")
struct HopTableTests {
    static func table(_ text: String) throws -> HopTable { try HopTable(name: "hops", bytes: Array(text.utf8)) }

    static func options(_ text: String, _ target: String, _ settings: HopSettings = HopSettings()) throws
        -> ConnectionMethod.CustomOptions
    {
        let table = try Self.table(text)
        let hop = try #require(try TargetSpecification(parsing: target, kinds: table.kinds).hops.last)
        return try #require(table[hop.kind]).options(for: hop, settings)
    }

    static let nerdctl = """
        # containers of containerd
        [nerdctl]
        help = a running container of containerd   # for people
        command = nerdctl exec --interactive --user={user} {name} {command}
        """

    // MARK: What is meant

    @Test("A kind of hop is what its section says, and has defaults for the rest")
    func simple() throws {
        let options = try Self.options(Self.nerdctl, "ssh:web1+nerdctl:joe@app")
        #expect(options.method == "nerdctl")
        #expect(options.target == "app")
        #expect(options.arguments == ["nerdctl", "exec", "--interactive", "--user=joe", "app", .command])
        #expect(options.terminal == .none)
        #expect(options.delivery == .shell())
        #expect(options.passwordPrompt == nil && options.incorrectPrompts.isEmpty && options.password == nil)
        let kind = try #require(try Self.table(Self.nerdctl).kinds.last)
        #expect(kind.usage == "nerdctl:[USER@]NAME")
        #expect(kind.help == "a running container of containerd")
    }

    @Test("Without a user the word that has it is left out")
    func noUser() throws {
        let options = try Self.options(Self.nerdctl, "nerdctl:app")
        #expect(options.arguments == ["nerdctl", "exec", "--interactive", "app", .command])
    }

    @Test("Everything that can be said is passed on")
    func everything() throws {
        let text = """
            \u{feff}[pot-2]\r
              argument = USER@NAME
            command=/opt/pot -u {user} '{name}' "in {name}" {shell} end
            terminal = all
            password-prompt = Secret word: = \t
            incorrect-password = no
            incorrect-password = not # that
            image = compressed

            """
        var settings = HopSettings()
        settings.becomePassword = "pw"
        settings.connectTimeout = .seconds(7)
        settings.usesImageCache = false
        let options = try Self.options(text, "pot-2:joe@tea", settings)
        #expect(options.arguments == ["/opt/pot", "-u", "joe", "{name}", "in tea", .shellCommand, "end"])
        #expect(options.terminal == .all)
        #expect(options.passwordPrompt == "Secret word: =")
        #expect(options.incorrectPrompts == ["no", "not"])
        #expect(options.password == "pw")
        #expect(options.delivery == .shell(isCompressed: true))
        #expect(options.connectTimeout == .seconds(7) && !options.usesImageCache)
        #expect(try Self.table(text).kinds.last?.help == "by /opt/pot")
    }

    @Test("A tool that asks nothing gets no password")
    func noPassword() throws {
        var settings = HopSettings()
        settings.becomePassword = "pw"
        #expect(try Self.options(Self.nerdctl, "nerdctl:app", settings).password == nil)
    }

    @Test("The image is copied by a command that takes the file or an archive")
    func copies() throws {
        let head = "[pot]\nargument = NAME\ncommand = pot run {name} {command}\nterminal = none\nimage = copy\n"
        let file = try Self.options(head + "copy = pot cp {file} {name}:{target}", "pot:a@b")
        #expect(file.target == "a@b")
        #expect(
            file.delivery
                == .copy([
                    "pot", "cp", ConnectionMethod.CustomOptions.localFile,
                    "a@b:" + ConnectionMethod.CustomOptions.targetFile,
                ])
        )
        let archive = try Self.options(head + "copy = pot untar {name} /", "pot:tea")
        #expect(archive.delivery == .copy(["pot", "untar", "tea", "/"]))
        #expect(archive.removal.isEmpty)
    }

    @Test("A file that was copied for a user is removed by the usual one")
    func removal() throws {
        let text = "[pot]\ncommand = pot --user={user} {name} {command}\nimage = copy\ncopy = pot cp {name}"
        #expect(try Self.options(text, "pot:tea").removal.isEmpty)
        let options = try Self.options(text, "pot:joe@tea")
        #expect(options.arguments == ["pot", "--user=joe", "tea", .command])
        #expect(options.removal == ["pot", "tea", .command])
    }

    @Test("A hop that leads to one place only takes no argument")
    func noArgument() throws {
        let text = "[cell]\nargument = none\nterminal = questions\ncommand = cell --enter {command}"
        let options = try Self.options(text, "sudo+cell")
        #expect(options.target == nil)
        #expect(options.terminal == .diagnostics)
        #expect(options.arguments == ["cell", "--enter", .command])
        let table = try Self.table(text)
        #expect(throws: TargetSyntaxError.self) { try TargetSpecification(parsing: "cell:a", kinds: table.kinds) }
    }

    @Test("A table may be empty, and have several kinds")
    func several() throws {
        #expect(try Self.table("").definitions.isEmpty)
        #expect(try Self.table("# nothing\n\n").definitions.isEmpty)
        let text = "\(Self.nerdctl)\n[pot]\nargument = none\ncommand = pot {command}\n"
        #expect(try Self.table(text).definitions.map(\.name) == ["nerdctl", "pot"])
    }

    @Test("The table that the documentation shows is right")
    func documentation() throws {
        let root = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined()
        let article = try String(
            contentsOfFile: "\(root)/Sources/Mitogen/Documentation.docc/Connections.md",
            encoding: .utf8
        )
        let shown = article.components(separatedBy: "```\n").first { $0.hasPrefix("# Containers of containerd") }
        let table = try Self.table(try #require(shown))
        #expect(table.definitions.map(\.name) == ["nerdctl", "nerdctl-bare", "cell"])
        let cell = try Self.options(try #require(shown), "cell:debian")
        #expect(
            cell.arguments == ["sudo", "-p", "Word for sudo:", "chroot", "/srv/cells/debian", .command]
        )
    }

    // MARK: Targets

    @Test(
        "Arguments of targets are checked as for the tool's own kinds",
        arguments: [
            "nerdctl", "nerdctl:", "nerdctl:@app", "nerdctl:-x", "nerdctl:a b", "nerdctl:a@b@c", "must:app", "must:@x",
        ]
    )
    func refused(target: String) throws {
        let text = "\(Self.nerdctl)\n[must]\nargument = USER@NAME\ncommand = must -u {user} {name} {command}"
        let kinds = try Self.table(text).kinds
        #expect(throws: TargetSyntaxError.self) { try TargetSpecification(parsing: target, kinds: kinds) }
    }

    @Test("An unknown hop is told with the user's kind that is meant")
    func unknown() throws {
        let kinds = try Self.table(Self.nerdctl).kinds
        let error = #expect(throws: TargetSyntaxError.self) {
            try TargetSpecification(parsing: "nerdctI:app", kinds: kinds)
        }
        let text = try #require(error?.description)
        #expect(text.contains("did you mean 'nerdctl'?"))
    }

    @Test("Hosts files and exclusions know the user's kinds")
    func files() throws {
        let kinds = try Self.table(Self.nerdctl).kinds
        var selection = TargetSelection()
        try selection.add(HostsFile(name: "hosts", bytes: Array("nerdctl:a\nweb1+nerdctl:b\n".utf8)), kinds: kinds)
        #expect(selection.targets.map(\.canonicalText) == ["nerdctl:a", "ssh:web1+nerdctl:b"])
        #expect(selection.remove(try TargetExclusions(["nerdctl:a"], kinds: kinds)).isEmpty)
        #expect(selection.targets.map(\.canonicalText) == ["ssh:web1+nerdctl:b"])
    }

    // MARK: Errors

    static let section = "[pot]\nargument = NAME\n"

    static let mistakes: [(String, String)] = [
        (
            "command = x",
            "hops:1: this stands before the first kind of hop; write its name in brackets, such as [nerdctl]"
        ),
        (
            "[pot",
            "hops:1: a kind of hop is named in brackets, with small letters, digits and '-', as in [my-tool], not [pot"
        ),
        ("[2x]", "as in [my-tool], not [2x]"), ("[Pot]", "as in [my-tool], not [Pot]"),
        ("[]", "as in [my-tool], not []"),
        ("[a_b]", "as in [my-tool], not [a_b]"), ("[ pot ]", "as in [my-tool], not [ pot ]"),
        ("\n[docker]", "hops:2: 'docker' is a kind of hop that mitogen has itself: choose another name"),
        ("[pot]\nargument = none\ncommand = x {command}\n[pot]", "hops:4: [pot] is there already"),
        ("[pot]\nhelp = x", "hops:1: [pot] has no command: write 'command = TOOL … {command}'"),
        ("[pot]\nhello", "hops:2: expected is [NAME] or KEY = VALUE, not 'hello'"),
        (
            "[pot]\ncomand = x",
            "hops:2: unknown key 'comand'; did you mean 'command'? known keys: help, argument, command, terminal, "
                + "password-prompt, incorrect-password, image, copy"
        ),
        ("[pot]\nhelp =", "hops:2: help has no value"),
        ("[pot]\nhelp = a\nhelp = b", "hops:3: help is there already, in line 2"),
        ("[pot]\nhelp = a\u{0}", "hops:2: this is no text; a hop table has [NAME] or KEY = VALUE on each line"),
        (
            "[pot]\nargument = POD",
            "hops:2: argument is one of '[USER@]NAME', 'USER@NAME', 'NAME', 'none', not 'POD'"
        ),
        (
            section + "command = x {name} {command}\nterminal = yes",
            "hops:4: terminal is one of 'none', 'questions', 'all', not 'yes'"
        ),
        (
            section + "command = x {name} {command}\nimage = gzip",
            "hops:4: image is one of 'shell', 'compressed', 'copy', not 'gzip'"
        ),
        (section + "command = x '{name}", "hops:3: a quote is not closed"),
        (section + "command = x {nme} {command}", "hops:3: unknown placeholder {nme}"),
        (section + "command = {name} {command}", "hops:3: command begins with the tool"),
        (section + "command = '' {name} {command}", "hops:3: command begins with the tool"),
        (section + "command = x {name}", "hops:3: command has neither {command} nor {shell}: write {command} where"),
        (section + "command = x {name} '{command}'", "hops:3: command has neither {command} nor {shell}"),
        (section + "command = x {name} {command} {shell}", "hops:3: command has more than one {command} or {shell}"),
        (section + "command = x {name} --run={command}", "hops:3: {command} must be a word by itself"),
        (section + "command = x {name} \"cd /; {shell}\"", "hops:3: {shell} must be a word by itself"),
        (section + "command = x {name} {file} {command}", "hops:3: {file} has its place in copy only"),
        (
            section + "command = x {command}",
            "hops:3: command has no {name}: write it where the name belongs, or 'argument = none'"
        ),
        (section + "command = x {name} {user} {command}", "hops:2: with 'argument = NAME' there can be no {user}"),
        ("[pot]\nargument = none\ncommand = x {name} {command}", "hops:2: with 'argument = none' there can be neither"),
        (
            "[pot]\ncommand = x {name} {command}",
            "hops:2: command has no {user}: write it, as in '--user={user}', or 'argument = NAME'"
        ),
        (
            "[pot]\ncommand = x -u {user} {name} {command}",
            "hops:2: {user} is left out when the target names no user, and '-u' is not: make one word of both"
        ),
        (
            "[pot]\ncommand = x {user}@{name} {command}",
            "hops:2: {name} is left out together with {user} when the target names no user"
        ),
        (
            section + "command = x {name} {command}\npassword-prompt = Word:",
            "hops:4: password-prompt needs a terminal for the question: write 'terminal = questions'"
        ),
        (
            section + "command = x {name} {command}\nincorrect-password = no",
            "hops:4: incorrect-password needs 'password-prompt = TEXT'"
        ),
        (section + "command = x {name} {command}\ncopy = x", "hops:4: copy needs 'image = copy'"),
        (
            section + "command = x {name} {command}\nimage = copy",
            "hops:4: 'image = copy' needs the command that copies"
        ),
        (
            section + "command = x {name} {command}\nimage = copy\ncopy = {file} {target}",
            "hops:5: copy begins with the tool"
        ),
        (
            section + "command = x {name} {command}\nimage = copy\ncopy = x {file}",
            "hops:5: {file} and {target} belong together"
        ),
        (
            section + "command = x {name} {command}\nimage = copy\ncopy = x {target}",
            "hops:5: {file} and {target} belong together"
        ),
        (
            section + "command = x {name} {command}\nimage = copy\ncopy = x {command}",
            "hops:5: {command} has its place in command only"
        ),
        (section + "command = x {name} {command}\nimage = copy\ncopy = x {user}", "hops:2: with 'argument = NAME'"),
        (
            section + "command = x {name} {shell}\nimage = copy\ncopy = x",
            "hops:3: 'image = copy' needs no shell: write {command} instead"
        ),
        (
            section + "command = x {name} {command}\nimage = copy\ncopy = x\nterminal = all",
            "hops:6: with 'image = copy' the tool can have no terminal: leave it out"
        ),
    ]

    @Test("Errors name the file and the line, and say what to write", arguments: mistakes)
    func errors(text: String, message: String) throws {
        let error = #expect(throws: ArgumentError.self) { try Self.table(text) }
        let description = try #require(error?.description)
        #expect(description.contains(message), "\(description)")
        #expect(description.hasPrefix("hops:"))
    }

    @Test(
        "What passes as a table can be connected with",
        arguments: ["none", "questions", "all"],
        ["shell", "compressed"]
    )
    func combinations(terminal: String, image: String) async throws {
        // The library has its own rules: a table that passes here must not fail there as misuse.
        let text = "[pot]\nargument = none\ncommand = /no/such/tool {command}\nterminal = \(terminal)\nimage = \(image)"
        let options = try Self.options(text, "pot")
        let error = try await withRouter { router in
            await #expect(throws: MitogenError.self) { try await router.connect(.custom(options)) }
        }
        #expect(error?.code != .misuse, "\(error.map(String.init(describing:)) ?? "none")")
    }

    // MARK: Files

    @Test(
        "The table is looked for in the user's configuration",
        arguments: [
            (["XDG_CONFIG_HOME": "/c", "HOME": "/h"], "/c/mitogen/hops.conf"),
            (["HOME": "/h"], "/h/.config/mitogen/hops.conf"),
            (["XDG_CONFIG_HOME": "", "HOME": "/h"], "/h/.config/mitogen/hops.conf"),
            (["XDG_CONFIG_HOME": "c", "HOME": "/h"], "/h/.config/mitogen/hops.conf"), ([:], nil), (["HOME": ""], nil),
        ] as [([String: String], String?)]
    )
    func places(environment: [String: String], path: String?) {
        #expect(HopTable.usualPath { environment[$0] } == path)
    }

    @Test("What cannot be read is named")
    func unreadable() {
        let missing = #expect(throws: ArgumentError.self) { try HopTable(path: "/nonexistent/hops") }
        #expect(missing?.description == "cannot read the hop table '/nonexistent/hops': No such file or directory")
        for path in ["/", "/dev/null"] {
            let error = #expect(throws: ArgumentError.self) { try HopTable(path: path) }
            #expect(error?.description == "the hop table '\(path)' is not a file")
        }
    }

    @Test(
        "A table that others can write to is refused",
        arguments: [(0o600, true), (0o644, true), (0o664, false), (0o646, false), (0o666, false)] as [(mode_t, Bool)]
    )
    func permissions(mode: mode_t, isTaken: Bool) throws {
        var template = Array("/tmp/mitogen-hops-XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        try #require(descriptor >= 0)
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer {
            close(descriptor)
            unlink(path)
        }
        #expect(write(descriptor, Self.nerdctl, Self.nerdctl.utf8.count) == Self.nerdctl.utf8.count)
        fchmod(descriptor, mode)
        if isTaken {
            #expect(try HopTable(path: path).definitions.map(\.name) == ["nerdctl"])
        } else {
            let error = #expect(throws: ArgumentError.self) { try HopTable(path: path) }
            #expect(error?.description.hasSuffix("chmod go-w \(path)") == true)
        }
    }
}
