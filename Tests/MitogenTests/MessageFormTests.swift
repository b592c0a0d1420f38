//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenPickle
internal import MitogenProtocol
internal import MitogenTesting
internal import Testing

@Suite("Forms of asking", .timeLimit(.minutes(1)))
struct MessageFormTests {
    /// Where the child answers.
    private static let counting: Handle = 5000
    private static let failing: Handle = 5001

    private func withAnswers(_ body: (TestTree) async throws -> Void) async throws {
        try await withTestTree { tree in
            let router = tree.node.router
            try router.addHandler(at: Self.counting) { [weak router] message in
                guard let router, !message.isDead else { return }
                for number in 1...3 { try? message.reply(number, through: router) }
            }
            try router.addHandler(at: Self.failing) { [weak router] message in
                guard let router, !message.isDead else { return }
                let failure = PickleValue.callError("shop.Overdrawn: no money\n  where\n")
                if let answer = try? Message.pickled(failure) { message.reply(with: answer, through: router) }
            }
            try await body(tree)
        }
    }

    @Test("A message may be answered again and again, by the context that it was sent to")
    func persists() async throws {
        try await withAnswers { tree in
            let answers = try tree.context.startRequest(Message(handle: Self.counting), persists: true)
            #expect(answers.respondent == tree.context)
            for number in 1...3 { #expect(try await answers.get().decode(as: Int.self) == number) }
            #expect(answers.isEmpty)
            let single = try tree.context.startRequest(Message(handle: Self.counting), persists: false)
            #expect(try await single.get().decode(as: Int.self) == 1)
            tree.node.router.shutdown()
            let error = await #expect(throws: MitogenError.self) { try await answers.get() }
            #expect(error?.code == .channelError)
        }
    }

    @Test("An answer is decoded, and one that is an error is thrown")
    func decoded() async throws {
        try await withAnswers { tree in
            let first = try await tree.context.request(Message(handle: Self.counting), as: Int.self)
            #expect(first == 1)
            let failed = await #expect(throws: MitogenError.self) {
                try await tree.context.request(Message(handle: Self.failing), as: Int.self)
            }
            #expect(failed?.code == .callError && failed?.remote?.typeName == "shop.Overdrawn")
            #expect(failed?.context == "child")
            let other = await #expect(throws: MitogenError.self) {
                try await tree.context.request(Message(handle: Self.counting), as: String.self)
            }
            #expect(other?.code == .streamError)
            let nobody = await #expect(throws: MitogenError.self) {
                try await tree.context.request(Message(handle: 9999), as: Int.self)
            }
            #expect(nobody?.code == .channelError)
        }
    }

    @Test("That a context ends can be waited for later, and more than once")
    func startShutdown() async throws {
        try await withTestTree { tree in
            let end = try tree.context.startShutdown()
            try await end.wait(timeout: .seconds(20))
            try await end.wait()
            #expect(end.context == tree.context)
            // Not waiting for it leaves nothing behind.
            _ = try tree.context.startShutdown()
            try await tree.context.startShutdown().wait(timeout: .seconds(20))
        }
    }
}
