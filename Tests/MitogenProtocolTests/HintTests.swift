//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenPickle
internal import MitogenProtocol
internal import Testing

@Suite("Hints")
struct HintTests {
    @Test("A name stands for what each side calls it, and travels as what it is")
    func names() {
        let seconds = 30
        let hint: Hint = "allow \(seconds) s more with \(.connectTimeout)" + ", or fewer\(.fanout)"
        #expect(hint.apiText == "allow 30 s more with `connectTimeout`, or fewer")
        #expect(hint.text { "<\($0.rawValue)>" } == "allow 30 s more with <connectTimeout>, or fewer<fanout>")
        #expect(hint.names == [.connectTimeout, .fanout])
        let sent = Hint(encoded: hint.encoded)
        #expect(sent == hint && sent.apiText == hint.apiText)
        #expect(Hint("plain").apiText == "plain" && Hint("plain").names.isEmpty)
    }

    @Test("What comes from elsewhere is no name by accident")
    func foreignText() {
        let text = "\u{1}password\u{1}"
        #expect(Hint(text).apiText == "password" && Hint(text).names.isEmpty)
        let quoted: Hint = "the container \(text) with \(.via)"
        #expect(quoted.apiText == "the container password with `via`" && quoted.names == [.via])
        #expect(Hint(encoded: "a \u{1}later\u{1} name").apiText == "a later name")
        #expect(Hint(encoded: "\u{1}").apiText.isEmpty && Hint(encoded: "").apiText.isEmpty)
    }

    @Test("An error's hint has the names of the API, and keeps its own through copies and on the way")
    func errors() throws {
        let error = MitogenError(.passwordRequired, "no password", hint: "give one (\(.becomePassword))")
        #expect(error.hint == "give one (`password`)" && "\(error)".hasSuffix("hint: give one (`password`)"))
        #expect(error.inContext("sudo").advice?.names == [.becomePassword])
        #expect(MitogenError(.misuse, "wrong", hint: "as it is").hint == "as it is")
        let failure = FileFailure(.cannotReplace, [65], "no", hint: "\(.writesInPlace) writes into it")
        let copy = try FileFailure(pickleValue: failure.pickleValue)
        #expect(copy == failure && copy.error(in: nil).hint == "`writesInPlace` writes into it")
    }
}
