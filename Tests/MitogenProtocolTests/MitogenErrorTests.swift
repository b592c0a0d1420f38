//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenPickle
import MitogenProtocol
import Testing

@Suite
struct MitogenErrorTests {
    @Test("The description has everything that is known, in order")
    func description() {
        let error = MitogenError(
            .callError,
            "it failed",
            context: "ssh.web1",
            remote: RemoteFailure(typeName: "Shop.OutOfStock", message: "none left", traceback: "  in buy"),
            diagnostics: ["one", "two"],
            hint: "order more"
        )
        let expected = """
            ssh.web1: it failed
              in buy
            last lines received:
              one
              two
            hint: order more
            """
        #expect(error.description == expected)
        #expect(MitogenError(.misuse, "plain").description == "plain")
    }

    @Test("The first known place stays")
    func place() {
        let error = MitogenError(.eofError, "gone").inContext("local.1")
        #expect(error.context == "local.1")
        #expect(error.inContext("local.2").context == "local.1")
        #expect(error.code == .eofError)
    }

    @Test("A CallError's text is taken apart")
    func remoteFailure() throws {
        let message = try WireVector.named("call_error").message()
        let error = try #require(throws: MitogenError.self) { try message.unpickle() }
        #expect(error.code == .callError)
        #expect(error.message == "builtins.ValueError: eek")
        let remote = try #require(error.remote)
        #expect(remote.typeName == "builtins.ValueError")
        #expect(remote.message == "eek")
        #expect(remote.traceback == "  File \"x\", line 1, in f")
    }

    @Test(
        "Texts of every form are understood",
        arguments: [
            ("eek", "", "eek", nil),
            ("", "", "", nil),
            ("a b c (d): e", "", "a b c (d): e", nil),
            (": e", "", ": e", nil),
            ("A.B: ", "A.B", "", nil),
            ("A.B<C.D, E>: x: y", "A.B<C.D, E>", "x: y", nil),
            ("A.B: one\ntwo\n  at f\n", "A.B", "one\ntwo", "  at f"),
            ("A.B: one\n  indented\ntwo", "A.B", "one\n  indented\ntwo", nil),
            ("A.B: x\n  at f\n\n  at g\n\n", "A.B", "x", "  at f\n\n  at g"),
            ("\n\n", "", "", nil),
        ] as [(String, String, String, String?)]
    )
    func forms(text: String, typeName: String, message: String, traceback: String?) {
        let failure = RemoteFailure(callErrorText: text)
        #expect(failure.typeName == typeName)
        #expect(failure.message == message)
        #expect(failure.traceback == traceback)
    }

    @Test("What is sent can be read again")
    func roundTrip() {
        let failure = RemoteFailure(
            typeName: "Shop.OutOfStock",
            message: "two\nlines: here",
            traceback: "  at f\n  at g"
        )
        #expect(RemoteFailure(callErrorText: failure.callErrorText) == failure)
        let plain = RemoteFailure(typeName: "Shop.OutOfStock", message: "x")
        #expect(RemoteFailure(callErrorText: plain.callErrorText) == plain)
    }

    @Test("The text stays below the 10,000 characters that readers accept", arguments: [0, 8_990, 9_899, 50_000])
    func limit(length: Int) throws {
        for character in ["x", "é", "😀", "e\u{301}"] {
            let long = String(repeating: character, count: length)
            for failure in [
                RemoteFailure(typeName: "A.B", message: long, traceback: "  at f"),
                RemoteFailure(typeName: "A.B", message: "x", traceback: "  " + long),
                RemoteFailure(typeName: "A.B", message: long, traceback: "  " + long),
                RemoteFailure(typeName: long, message: long),
            ] {
                let text = failure.callErrorText
                #expect(text.unicodeScalars.count < 10_000)
                var writer = PickleWriter()
                try writer.writeStream(.callError(text))
                let message = Message(handle: 1000, encoding: .pickle, data: writer.bytes)
                #expect(code { try message.unpickle() } == .callError)
            }
        }
    }

    @Test("Cancellation that travels is cancellation again")
    func cancellation() {
        let failure = RemoteFailure(typeName: RemoteFailure.cancellationTypeName, message: "")
        #expect(RemoteFailure(callErrorText: failure.callErrorText).error.code == .cancelled)
        #expect(RemoteFailure(typeName: "", message: "eek").error.message == "eek")
    }

    @Test("An error with a text of 10,000 characters is an error all the same")
    func tooLong() {
        let text = String(repeating: "x", count: 10_000)
        let global = Array("cmitogen.core\n_unpickle_call_error\n".utf8)
        let size = withUnsafeBytes(of: UInt32(text.utf8.count).littleEndian) { Array($0) }
        let data: [UInt8] = [0x80, 2] + global + [0x58] + size + Array(text.utf8) + [0x85, 0x52, 0x2E]
        let message = Message(handle: 1000, encoding: .pickle, data: data)
        #expect(code { try message.unpickle() } == .callError)
    }
}
