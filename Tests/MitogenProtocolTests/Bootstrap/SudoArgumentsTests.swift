//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol
import Testing

@Suite("Options in sudo's own words")
struct SudoArgumentsTests {
    /// What sudo is given for it, without the user if that is root.
    static let acceptedForms: [([String], String)] = [
        ([], ""),
        (["-u", "web"], "-u web"),
        (["-uweb"], "-u web"),
        (["--user", "web"], "-u web"),
        (["--user=web"], "-u web"),
        (["--us=web"], "-u web"),
        (["-u#1000"], "-u #1000"),
        (["-u", "-odd"], "-u -odd"),
        (["-u", "a", "--user=b"], "-u b"),
        (["-H"], "-H"),
        (["--set-home"], "-H"),
        (["-i"], "-i"),
        (["--login"], "-i"),
        (["-E"], "-E"),
        (["--preserve-env"], "-E"),
        (["--preserve-env=A,B", "--preserve-env=C"], "--preserve-env=A,B,C"),
        (["-E", "--preserve-env=A"], "-E --preserve-env=A"),
        (["-EH"], "-E -H"),
        (["-iEHuweb"], "-u web -E -H -i"),
        (["-Hu", "web"], "-u web -H"),
        (["-P", "-g", "www"], "-g www -P"),
        (["--preserve-groups", "--group=www"], "-g www -P"),
        (["-gwww"], "-g www"),
        (["-r", "staff_r", "-t", "staff_t"], "-r staff_r -t staff_t"),
        (["--role=staff_r", "--type", "staff_t"], "-r staff_r -t staff_t"),
        (["--role=a=b"], "-r a=b"),
        (["-n", "-S", "--stdin", "--non-interactive"], ""),
        (["-nSH"], "-H"),
        (["-H", "--"], "-H"),
        (["--"], ""),
    ]

    @Test("Short and long forms mean the same as for sudo", arguments: acceptedForms)
    func accepted(arguments: [String], words: String) throws {
        let said = try SudoArguments(parsing: arguments)
        let expected = words.hasPrefix("-u") ? words : "-u root \(words)"
        #expect(said.words == expected.split(separator: " ").map(String.init))
    }

    static let refusedForms: [([String], String)] = [
        (["-A"], "-A in sudoArguments is not supported"), (["--askpass"], "--askpass in sudoArguments is not"),
        (["-b"], "-b in"), (["-e"], "-e in"), (["-l"], "-l in"), (["-K"], "-K in"), (["-k"], "-k in"),
        (["-s"], "-s in"), (["-v"], "-v in"), (["-V"], "-V in"), (["-B"], "-B in"), (["-N"], "-N in"),
        (["-C", "5"], "-C in"), (["-D/"], "-D in"), (["--chdir=/"], "--chdir in"), (["-R", "/"], "-R in"),
        (["-T", "9"], "-T in"), (["-h", "web1"], "-h in"), (["--host=web1"], "--host in"), (["--help"], "--help in"),
        (["-p", "x"], "-p in"), (["--prompt=x"], "--prompt in"), (["-U", "x"], "-U in"), (["-HA"], "-A in"),
        (["-x"], "no option -x"), (["-Hx"], "no option -x"), (["--nosuch"], "no option --nosuch"),
        (["--=x"], "no option --"), (["--pre"], "--preserve-env or --preserve-groups"), (["--ro=x", "--r"], "--r in"),
        (["-u"], "-u in sudoArguments needs a value"), (["--user"], "--user in sudoArguments needs a value"),
        (["--user="], "needs a value"), (["-u", ""], "needs a value"), (["-H", "-g"], "-g in sudoArguments needs"),
        (["--login=x"], "--login in sudoArguments takes no value"),
        (["id"], "not \"id\""), (["-H", "sh", "-c"], "not \"sh\""), (["--", "id"], "not \"id\""), (["A=b"], "A=b"),
        (["-"], "not \"-\""), ([""], "not \"\""),
    ]

    @Test("What is of no use is refused by its name", arguments: refusedForms)
    func refused(arguments: [String], text: String) {
        let error = #expect(throws: MitogenError.self) { try SudoArguments(parsing: arguments) }
        #expect(error?.code == .misuse)
        #expect(error?.message.contains(text) == true, "\(error?.message ?? "")")
    }

    @Test(
        "Every refusal of an option says what to do instead",
        arguments: ["-A", "-b", "-D/", "-k", "-p?", "-s", "-T1"]
    )
    func hints(argument: String) {
        let error = #expect(throws: MitogenError.self) { try SudoArguments(parsing: [argument]) }
        #expect(error?.hint?.isEmpty == false)
    }

    @Test("What is said first counts, and the rest fills the gaps")
    func precedence() throws {
        let said = try SudoArguments(parsing: ["-Hu", "web", "-g", "www"])
        var explicit = SudoArguments()
        explicit.username = "db"
        explicit.setsHome = false
        #expect(explicit.or(said).words == ["-u", "db", "-g", "www"])
        #expect(SudoArguments().or(said).words == ["-u", "web", "-H", "-g", "www"])
    }
}
