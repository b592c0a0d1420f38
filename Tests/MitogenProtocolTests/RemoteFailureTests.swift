//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenPickle
import MitogenProtocol
import Testing

@Suite
struct RemoteFailureTests {
    struct Overdrawn: Error, Codable, Equatable {
        var missing: Int
        var note: [UInt8]
    }

    struct Plain: Error {}

    private let error = Overdrawn(missing: 7, note: [0, 0xFF])

    private func failure(of error: any Error) throws -> RemoteFailure {
        RemoteFailure(
            typeName: String(reflecting: type(of: error)),
            message: "sorry",
            traceback: "  in Pay",
            value: try RemoteFailure.value(of: error),
            typeIdentifier: "4Bank9OverdrawnV"
        )
    }

    private func reading(_ data: [UInt8]) throws -> RemoteFailure {
        let message = Message(handle: 1000, encoding: .pickle, data: data)
        let error = try #require(throws: MitogenError.self) { try message.unpickle() }
        #expect(error.code == .callError)
        return try #require(error.remote)
    }

    @Test("A Codable error arrives as what it was, and as nothing else")
    func value() throws {
        let failure = try failure(of: error)
        let read = try reading(failure.answer(limit: 1 << 20))
        #expect(read == failure)
        #expect(read.decode(as: Overdrawn.self) == error)
        #expect(read.decode(as: CodableOnly.self) == nil)
        #expect(read.value?.description.contains("missing") == true)
    }

    struct CodableOnly: Error, Codable {}

    @Test("An error that is not Codable has no value, and its answer is that of the Python library")
    func withoutValue() throws {
        let failure = try failure(of: Plain())
        #expect(failure.value == nil)
        var writer = PickleWriter()
        try writer.writeStream(.callError(failure.callErrorText))
        #expect(try failure.answer(limit: 1 << 20) == writer.bytes)
    }

    @Test("A value that does not fit into a message stays behind, and one of more than 1 MiB is refused")
    func limits() throws {
        let failure = try failure(of: error)
        let whole = try failure.answer(limit: .max).count
        #expect(try reading(failure.answer(limit: whole)).value != nil)
        let read = try reading(failure.answer(limit: whole - 1))
        #expect(read.value == nil)
        #expect(read.message == "sorry")
        let large = Overdrawn(missing: 1, note: [UInt8](repeating: 1, count: RemoteFailure.valueLimit))
        #expect(throws: PickleError.self) { try RemoteFailure.value(of: large) }
    }

    @Test("What follows the text and is malformed is ignored, at every length")
    func malformed() throws {
        let failure = try failure(of: error)
        let data = try failure.answer(limit: .max)
        let text = try failure.answer(limit: data.count - 1).count
        for count in text..<data.count {
            let read = try reading(Array(data[..<count]))
            #expect(read.value == nil)
            #expect(read.message == "sorry")
        }
        for value: PickleValue in ["text", .tuple([1]), .tuple([1, 2, 3]), .callError("x")] {
            var writer = PickleWriter()
            try writer.writeStream(value)
            #expect(try reading(Array(data[..<text]) + writer.bytes).value == nil)
        }
        // A value that is not what its name says.
        var writer = PickleWriter()
        try writer.writeStream(.tuple([.none, ["missing": "much"]]))
        let read = try reading(Array(data[..<text]) + writer.bytes)
        #expect(read.value != nil)
        #expect(read.decode(as: Overdrawn.self) == nil)
    }

    @Test("Codes belong to the groups that programs ask for")
    func groups() {
        typealias Code = MitogenError.Code
        for code: Code in [.passwordError, .passwordRequired, .authenticationFailed, .accountExpired] {
            #expect(code.isAuthenticationFailure && code.isConnectionFailure && !code.isHostKeyFailure)
        }
        for code: Code in [.hostKeyError, .hostKeyChanged] {
            #expect(code.isHostKeyFailure && code.isConnectionFailure && !code.isAuthenticationFailure)
        }
        for code: Code in [.unknownHost, .noRoute, .connectionRefused, .eofError, .noSuchContainer, .noImage] {
            #expect(code.isConnectionFailure && !code.isHostKeyFailure && !code.isAuthenticationFailure)
        }
        for code: Code in [.callError, .channelError, .cancelled, .timeoutError, .diskFull, .misuse, .unencodable] {
            #expect(!code.isConnectionFailure)
        }
        #expect(Code.timeoutError.isTimeout && !Code.cancelled.isTimeout)
        #expect(MitogenError(.cancelled, "x").isCancellation)
        #expect((CancellationError() as any Error).isCancellation)
        #expect(!MitogenError(.timeoutError, "x").isCancellation && !Plain().isCancellation)
        let report = ConnectionReport()
        #expect(MitogenError(.timeoutError, "x", connection: report).isConnectionFailure)
        #expect(!MitogenError(.timeoutError, "x").isConnectionFailure)
    }
}
