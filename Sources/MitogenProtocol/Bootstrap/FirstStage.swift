//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The `sh` script that brings a program to a machine where nothing is installed (architecture, section 5).
///
/// It comes in two parts. The ``script`` is an argument of the tool that makes the connection, passes through a login
/// shell of any kind, and is all that is needed where the image is cached. Otherwise it evaluates one line of its
/// standard input, ``uploadLine(for:compression:sha256:)``, behind which the image follows. That line passes through
/// no other shell and may be as long as it needs to be.
///
/// What it prints, each a line that begins with ``marker`` (though not always at the beginning of a line):
///
///     MARKER Linux x86_64 cached            the program of the cache is executed now
///     MARKER Linux x86_64 need TOOL…        it waits for a line to evaluate; the paths of gzip and xz, if any
///     MARKER Linux x86_64 ready             the named executable is executed now
///     MARKER Linux x86_64 ask               it waits for a line that executes it
///     MARKER run                            the image has arrived and is executed now
///     MARKER-error STAGE TEXT…              it has failed, and reads its input until that ends
package struct FirstStage: Sendable, Equatable {
    /// What is to run on the target.
    package enum Program: Sendable, Equatable {
        /// An image, which is sent if it is not there; nil if none is known before the target's platform is.
        case image(BootstrapImage?)
        /// A program that is there already, with what is in front of it: the words of a command.
        case executable([String])
        /// A Python interpreter, which reads its program.
        case python(PythonStage)
    }

    package let program: Program
    /// Whether images are looked for, and left, in the user's cache on the target.
    package let usesCache: Bool
    /// Whether an image that is already in the cache is not used but replaced, because it did not run.
    package let replacesCached: Bool
    /// The child's name as it is in `argv[1]`, of harmless characters.
    package let argument: String
    /// Letters and digits that nobody can guess.
    package let random: String
    /// Sets a variable back that was changed for the tool; empty if none was.
    private var restoration = ""
    /// Whether the login shell is to run `sh` as its child, because it refuses `exec`.
    package var avoidsExec = false

    /// Creates a first stage.
    ///
    /// - Parameters:
    ///   - random: Letters and digits that nobody can guess; 16 or more.
    ///   - remoteName: The child's name. Characters with a meaning for some shell are replaced; the child learns its
    ///     real name with its configuration.
    /// - Throws: ``MitogenError`` with `.misuse` if the executable's words cannot be passed.
    package init(
        program: Program,
        usesCache: Bool,
        replacesCached: Bool = false,
        remoteName: String,
        random: String
    ) throws(MitogenError) {
        precondition(random.utf8.allSatisfy(Self.isWordByte), "the random part is letters and digits")
        if case .python(let python) = program {
            // They stand between double quotes in the script, and that between single ones for any login shell.
            for word in python.words where word.utf8.contains(where: { Self.endsQuotes($0) }) {
                throw MitogenError(
                    .misuse,
                    "the Python interpreter's command has a character that shells treat differently: "
                        + word.debugDescription,
                    hint: "write a script on the target that executes it, and name that"
                )
            }
        }
        if case .executable(let words) = program {
            guard let first = words.first, !first.isEmpty else {
                throw MitogenError(.misuse, "`executable` names no program")
            }
            for word in words where word.utf8.contains(where: { $0 == 0 || $0 == 10 || $0 == 13 }) {
                throw MitogenError(.misuse, "a word of `executable` contains a line break or a zero byte")
            }
        }
        self.program = program
        self.usesCache = usesCache
        self.replacesCached = replacesCached
        self.random = random
        argument = "mitogen:" + Self.harmless(remoteName)
    }

    /// Gives the program the `LC_ALL` back that was changed for the tool, which may pass it on or not.
    ///
    /// What the account's own environment has set instead stays.
    ///
    /// - Parameters:
    ///   - locale: What it was; nil if it was not set. A name that no locale has is not set again.
    ///   - toolLocale: What it was changed to.
    package mutating func restores(locale: String?, insteadOf toolLocale: String) {
        if locale == toolLocale { return }
        let command =
            if let locale, locale.utf8.allSatisfy(Self.isPlainByte) { "export LC_ALL=\"\(locale)\"" } else {
                "unset LC_ALL"
            }
        restoration = "[ \(toolLocale) = \"$LC_ALL\" ]&&\(command);"
    }

    /// What every line of the script begins with. It is not in the script itself, which tools may print.
    package var marker: String { "MITO" + random }

    /// The script: one line without single quotes, backslashes, exclamation marks and `A=b command`.
    package var script: String {
        switch program {
        case .image(let image): start + imageScript(usesCache ? image : nil)
        case .executable(let words):
            if words.allSatisfy({ $0.utf8.allSatisfy(Self.isPlainByte) }) {
                start + "echo \"MITO$m $(uname -sm) ready\";" + execution(of: words.map { "\"\($0)\"" })
            } else {
                start + "echo \"MITO$m $(uname -sm) ask\";read -r l&&eval \"$l\""
            }
        case .python(let python):
            start + "exec " + python.words.map { "\"\($0)\"" }.joined(separator: " ")
        }
    }

    private var start: String { "m=\(random);" + restoration }

    /// The script as the words of a command, for tools that execute what they are given.
    package var arguments: [String] { ["sh", "-c", script] }

    /// The script as the words of a command, for tools that join them into a text for a login shell and protect all
    /// characters in it but `$`, as `sudo -i` does. So there is none, nor anything else that a backslash in front
    /// of it changes.
    package var loginArguments: [String] {
        var text = ""
        for scalar in script.unicodeScalars {
            switch scalar {
            case "$": text += "\\0044"
            case "\"": text += "\\0042"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return ["sh", "-c", "eval \"`printf %b '\(text)'`\""]
    }

    /// The script as a text for a login shell, which may be fish or tcsh.
    package var shellCommand: String { (avoidsExec ? "" : "exec ") + "sh -c '\(script)'" }

    /// Looks for another image than the first, when the target turned out to be of its platform: a line to evaluate.
    package func lookupLine(for image: BootstrapImage) -> String { imageScript(image) }

    /// Executes a program whose words are no matter for a login shell: a line to evaluate.
    package func executionLine(for words: [String]) -> String {
        let quoted = words.map { word in
            "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\"'\"'") + "'"
        }
        return "echo \"MITO$m run\";" + execution(of: quoted)
    }

    // The child runs without /proc only with SWIFT_ROOT. `exec env` would cost one more execution.
    private func execution(of words: [String]) -> String {
        "export SWIFT_ROOT=/;exec \(words.joined(separator: " ")) \"\(argument)\""
    }

    // k: the home belongs to the user, and nobody else can write to it or to the folders of the cache, none of which is
    // a link; and the image, if it is asked about, is a file that only the user may read or execute, of the right size.
    // Sizes and modes come from `ls`, which is everywhere; `-O` is a test in every shell that is a `sh`.
    private func imageScript(_ image: BootstrapImage?) -> String {
        let wait = #"read -r l&&eval "$l""#
        let tools = "$(command -v gzip) $(command -v xz)"
        guard let image else { return "echo \"MITO$m $(uname -sm) need \(tools)\";\(wait)" }
        let file = "-r?x------"
        let patterns = "d????-??-*|\(file):\(image.size)|\(file)?:\(image.size)"
        return "u=$(uname -sm);d=${HOME:-/dev/null};c=$d/.cache/mitogen;i=$c/\(image.key);"
            + #"k(){ [ -O "$d/." ]&&[ -O "$d/.cache" ]&&[ -O "$c" ]&&"#
            + #"ls -ldn "$d/." "$d/.cache" "$c" "$1" 2>/dev/null|"#
            + "(n=0;while read -r p l u g s r;do case $p:$s in \(patterns))n=$((n+1));esac;done;[ $n = 4 ]);};"
            + (replacesCached ? "" : useOfCached(image)) + #"echo "MITO$m $u need \#(tools)";"# + wait
    }

    private func useOfCached(_ image: BootstrapImage) -> String {
        #"if [ "$u" = "\#(image.platform)" ]&&[ -O "$i" ]&&[ -x "$i" ]&&k "$i";"#
            + #"then echo "MITO$m $u cached";"# + execution(of: [#""$i""#]) + ";fi;"
    }

    /// A name with `_` for characters that have a meaning for some shell.
    static func harmless(_ name: String) -> String {
        String(decoding: name.utf8.prefix(200).map { isNameByte($0) ? $0 : UInt8(ascii: "_") }, as: UTF8.self)
    }

    static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: false
        }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        isWordByte(byte) || "_-.,:@%+=".utf8.contains(byte)
    }

    /// What has a meaning between double quotes, ends single ones, or is changed by some shell in either.
    private static func endsQuotes(_ byte: UInt8) -> Bool { byte < 32 || byte == 127 || "\"'`$\\!".utf8.contains(byte) }

    /// What may be between double quotes in the script.
    private static func isPlainByte(_ byte: UInt8) -> Bool {
        isNameByte(byte) || "/ ".utf8.contains(byte)
    }
}
