//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import MitogenPickle
internal import MitogenProtocol
internal import MitogenTesting
internal import Synchronization
internal import Testing

/// Tells that it has run.
private struct Mark: RemoteFunction {
    static let runs = Mutex(0)

    var ballast: [UInt8]

    func run(in context: ExternalContext) async throws { Self.runs.withLock { $0 += 1 } }
}

@Suite("Calls that are given up while their arguments are under way", .timeLimit(.minutes(1)), .serialized)
struct GivenUpCallTests {
    @Test("A cancellation that has passed the last part keeps the function from running", arguments: [false, true])
    func cancellation(isCancelled: Bool) async throws {
        try await withTestTree { tree in
            try tree.node.router.register("given.up", Mark.self)
            let data = try CallRequest.encode(
                named: "given.up",
                arguments: [],
                keywordArguments: ["ballast": .bytes([UInt8](repeating: 1, count: 20_000))],
                chainID: nil,
                callOptions: CallOptions(),
                options: .init()
            )
            let (credit, answer) = (OneShot<Void>(), OneShot<Void>())
            let creditHandle = try tree.router.addHandler { _ in credit.resolve(.success(())) }
            let replyTo = try tree.router.addHandler { _ in answer.resolve(.success(())) }
            let whole = Message(handle: StandardHandle.callFunction, replyTo: replyTo, encoding: .pickle, data: data)
            func send(_ range: Range<Int>) throws {
                let part = MessagePart(whole, transfer: 77, offset: range.lowerBound)
                try tree.context.send(
                    Message(
                        handle: StandardHandle.messagePart,
                        replyTo: creditHandle,
                        encoding: .binary,
                        data: part.data(data[range])
                    )
                )
            }
            let runs = Mark.runs.withLock { $0 }
            try send(0..<MessagePart.firstWindow)
            try await credit.value()
            if isCancelled {
                let cancellation = CallCancellation(replyTo: replyTo, isTimeout: false)
                try tree.context.send(Message(handle: StandardHandle.cancelCall, data: cancellation.data))
            }
            try send(MessagePart.firstWindow..<data.count)
            if isCancelled {
                // It takes the same way, so a call that had begun would have ended long ago.
                _ = try await tree.context.call(Add(1, 2))
                try await Task.sleep(for: .milliseconds(50))
            } else {
                try await answer.value()
            }
            #expect(Mark.runs.withLock { $0 } == runs + (isCancelled ? 0 : 1))
        }
    }
}
