//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// sudo, su and doas that would speak another language, say more than they have to, or ask something else.
@Suite(
    "What sudo, su and doas say",
    .needsTestbed,
    .leavesNothing,
    .enabled(if: ToolProcess.isBuilt),
    .serialized,
    .timeLimit(.minutes(3))
)
struct Languages {
    static let locales = ((try? Testbed.fact("TB_LOCALES")) ?? "").split(separator: ",").map(String.init)

    /// Runs the tool in another language.
    ///
    /// - Parameter programs: Programs that are found before those of the system, by their names.
    private func run(
        _ arguments: [String],
        password: Secret? = nil,
        locale: String? = nil,
        programs: [String: String] = [:]
    ) async throws -> ToolResult {
        try await withTemporaryDirectory { directory in
            chmod(directory, 0o755)
            for (name, script) in programs {
                try Files.write(Array("#!/bin/sh\n\(script)\n".utf8), to: "\(directory)/\(name)")
                chmod("\(directory)/\(name)", 0o755)
            }
            var options: [String] = []
            if let password {
                try Files.write(Array("\(password.value)\n".utf8), to: "\(directory)/password")
                options = ["--become-password-file", "\(directory)/password"]
            }
            var environment = ["PATH": "\(directory):/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"]
            if let locale { environment.merge(["LC_ALL": locale, "LANG": "C.UTF-8", "LANGUAGE": locale]) { $1 } }
            return try await ToolProcess.run([arguments[0]] + options + arguments.dropFirst(), environment: environment)
        }
    }

    private static let show = ["--", "sh", "-c", "id -un; echo $LC_ALL,$LANG,$LANGUAGE"]

    @Test("Whatever the language is, questions are understood, and the program has it", arguments: locales)
    func questions(locale: String) async throws {
        // su would speak it.
        let asked = try await run(
            ["run", "-t", "su:tb-plain", "--", "sh", "-c", "su tb-other -c true 2>&1; true"],
            locale: locale
        )
        #expect(!asked.text.contains("Password:") && !asked.text.isEmpty, "\(asked.text)")
        let other = try Testbed.password(of: "tb-other")
        let sudoer = try Testbed.password(of: "tb-sudo")
        for (target, password) in [
            ("su:tb-plain+su:tb-other", other), ("su:tb-sudo+sudo:tb-other", sudoer),
            // With `keepenv`.
            ("su:tb-sudo+doas:tb-other", sudoer),
        ] {
            let result = try await run(
                // A debug image crosses two terminals, at 2 to 4 MB/s each.
                ["run", "--connect-timeout", "90", "-t", target] + Self.show,
                password: password,
                locale: locale
            )
            #expect(result.text == "tb-other\n\(locale),C.UTF-8,\(locale)\n", "\(target): \(result.errors)")
        }
    }

    @Test("In every language failures have their names", arguments: locales)
    func failures(locale: String) async throws {
        let rows: [(String, Secret?, MitogenError.Code)] = [
            ("su:tb-plain+su:tb-other", "not this one", .passwordError),
            ("su:tb-plain+su:tb-other", nil, .passwordRequired),
            ("su:no-such-user", nil, .unknownUser), ("su:tb-sudo+sudo", nil, .passwordRequired),
            ("su:tb-free+sudo:no-such-user", nil, .unknownUser), ("su:tb-sudo+doas", nil, .passwordRequired),
            ("su:tb-plain+doas", nil, .notPermitted),
        ]
        for (target, password, code) in rows {
            let result = try await run(["doctor", target], password: password, locale: locale)
            #expect(result.text.contains("\(code): "), "\(target): \(result.text)")
        }
    }

    @Test("What was not set before is not set for the program")
    func unset() async throws {
        let result = try await run(
            [
                "run", "-t", "sudo", "-t", "su", "-t", "doas", "--", "sh", "-c",
                "echo ${LC_ALL-unset}",
            ],
            programs: ["doas": #"while [ "$1" != -- ]; do shift; done; shift; exec "$@""#]
        )
        #expect(result.lines.count { $0 == "unset" } == 3, "\(result.text) \(result.errors)")
    }

    // MARK: Questions

    private static let hides = "stty -echo </dev/tty; printf '%s' \"$q\" >/dev/tty; read answer </dev/tty; exit 1"
    private static let shows = "printf '%s' \"$q\" >/dev/tty; read answer </dev/tty; exit 1"

    @Test(
        "A question that is not understood fails within seconds, and is quoted",
        arguments: ["su", "sudo", "doas"],
        [hides, shows]
    )
    func unknownQuestion(tool: String, script: String) async throws {
        let question = "\u{53E3}\u{4EE4}\u{FF1A}"
        let start = ContinuousClock.now
        let result = try await run(
            ["doctor", "\(tool):tb-other"],
            password: "secret",
            programs: [tool: "q='\(question)'\n\(script)"]
        )
        #expect(start.duration(to: .now) < .seconds(5))
        #expect(result.text.contains("unknownPrompt: \(tool) asks something"), "\(result.text)")
        #expect(result.text.contains(question) && result.text.contains("--\(tool)-prompt"))
    }

    @Test("The tool's options say what the question is", arguments: ["su", "sudo", "doas"])
    func promptOption(tool: String) async throws {
        let script = """
            stty -echo </dev/tty; printf 'Kennwort? ' >/dev/tty; read answer </dev/tty; stty echo </dev/tty
            [ "$answer" = secret ] || exit 1
            while [ "$1 ${2%%=*}" != "-c m" ] && [ "$1 ${2%%m=*}" != "-c exec sh -c '" ]; do shift; done; exec sh "$@"
            """
        let result = try await run(
            ["run", "-t", "\(tool):tb-other", "--\(tool)-prompt", "kennwort?", "--", "echo", "here"],
            password: "secret",
            programs: [tool: script]
        )
        #expect(result.text.contains("here"), "\(result.errors)")
        let empty = try await run(["doctor", "--\(tool)-prompt", " ", tool])
        #expect(empty.status == 2 && empty.errors.contains("--\(tool)-prompt"))
    }

    @Test("A login that takes its time in the middle of a line asks nothing")
    func slowLogin() async throws {
        // su's shell shares its terminal; sudo passes on what is written on another one.
        let su = """
            while [ "$1" != -c ]; do shift; done
            printf 'Loading: '; sleep 5; echo done; exec sh -c "$2"
            """
        let sudo = """
            options=; while [ "$1" != -- ]; do options="$options $1"; shift; done; shift
            exec /usr/bin/sudo $options -- sh -c 'printf "Loading: " >&2; sleep 5; exec "$@"' sh "$@"
            """
        let result = try await run(
            ["run", "--connect-timeout", "90", "-t", "su:tb-sudo+sudo:tb-other,su:root", "--", "id", "-un"],
            password: try Testbed.password(of: "tb-sudo"),
            programs: ["su": #"[ "$1" = root ] || exec /usr/bin/su "$@""# + "\n\(su)", "sudo": sudo]
        )
        #expect(result.lines.contains("root") && result.lines.contains("tb-other"), "\(result.text) \(result.errors)")
    }

    // MARK: More words than needed

    @Test("A lecture that says all that a refusal says is none")
    func lecture() async throws {
        let account = try Testbed.fact("TB_SUDO_LECTURE_USER")
        let right = try await run(
            ["run", "-t", "su:\(account)+sudo:tb-other", "--", "id", "-un"],
            password: try Testbed.password(of: account)
        )
        #expect(right.text.contains("tb-other"), "\(right.errors)")
        let wrong = try await run(["doctor", "--json", "su:\(account)+sudo"], password: "not this one")
        #expect(wrong.text.contains(#""code":"passwordError""#), "\(wrong.text)")
        let lines = try await run(["doctor", "su:\(account)+sudo"], password: "not this one").lines
        #expect(lines.count { $0.contains("  said ") } <= 10)
        // The account has `pwfeedback`.
        #expect(!lines.contains { $0.contains("*") })
    }

    @Test("The stars that sudo-rs shows for a password are in no error and no log")
    func stars() async throws {
        // What sudo-rs 0.2.15 writes, which was recorded.
        let stub = #"""
            stty -echo -icanon </dev/tty; printf '[sudo: mitogen-sudo-prompt:] Password: ' >/dev/tty
            read answer </dev/tty
            printf '******\b \b\b \b\b \b\b \b\b \b\b \b\033[0K\n' >/dev/tty
            echo 'sudo: Authentication failed, try again.' >/dev/tty; sleep 5
            """#
        let result = try await run(["doctor", "sudo"], password: "secret", programs: ["sudo": stub])
        #expect(result.text.contains("passwordError: sudo password is incorrect"), "\(result.text)")
        #expect(result.text.contains("[sudo: mitogen-sudo-prompt:] Password:") && !result.text.contains("*"))
    }
}
