//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import MitogenPickle
internal import MitogenProtocol
internal import Synchronization
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension LibraryTests {
    @Suite("Messages and handles")
    struct Messages {}
}

/// What a handler got.
private final class Inbox: Sendable {
    private let messages = Mutex<[Message]>([])

    var all: [Message] { messages.withLock { $0 } }
    var texts: [String] { all.map { $0.isDead ? "dead: \($0.deadReason(localID: 0))" : text($0) } }

    func append(_ message: Message) {
        messages.withLock { $0.append(message) }
    }

    private func text(_ message: Message) -> String { String(decoding: message.data, as: UTF8.self) }
}

extension LibraryTests.Messages {
    @Test("A handler gets the messages that are sent to its handle, until it is removed")
    func handlers() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let inbox = Inbox()
            let handle = try router.addHandler { inbox.append($0) }
            #expect(handle >= 1000)
            for number in 0..<5 { try await child.call(Tell(0, handle, "\(number)")) }
            #expect(try await eventually { inbox.all.count == 5 })
            #expect(inbox.texts == ["0", "1", "2", "3", "4"])
            #expect(inbox.all.allSatisfy { $0.srcID == child.id && $0.authID == child.id && $0.dstID == 0 })
            let taken = try await failure { try router.addHandler(at: handle) { _ in } }
            #expect(taken.code == .misuse)
            try router.addHandler(at: handle, overwrites: true) { _ in inbox.append(.dead("replaced")) }
            try await child.call(Tell(0, handle, "?"))
            #expect(try await eventually { inbox.texts.last == "dead: replaced" })
            try router.removeHandler(at: handle)
            #expect(try await failure { try router.removeHandler(at: handle) }.code == .misuse)
            let gone = try await failure { _ = try await child.call(Ask(0, handle, "?")) }
            #expect(gone.code == .channelError)
            #expect(gone.message == "invalid handle")
            try router.addHandler(at: handle) { _ in }
        }
    }

    @Test("A handler can be for one message only")
    func oneMessage() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            _ = try await child.call(Listen(at: 5000, persists: false))
            let question = Message(handle: 5000, data: [7])
            #expect(try await child.request(question, timeout: .seconds(5)).data == [7])
            let second = try await failure { _ = try await child.request(question, timeout: .seconds(5)) }
            #expect(second.code == .channelError)
            #expect(second.message == "invalid handle")
        }
    }

    @Test("Policies decide who may send to a handle")
    func policies() async throws {
        try await withFixtureRouter { router in
            let target = try await router.local()
            let other = try await router.local()
            let nested = try await router.local(via: target)
            // Which is who the custom policy accepts.
            #expect(other.id == 2)
            let handles: [(Handle, Listen.Policy)] = [
                (5000, .anyone), (5001, .parents), (5002, .immediatePeer), (5003, .custom),
            ]
            for (handle, policy) in handles { _ = try await target.call(Listen(at: handle, policy: policy)) }
            func isAccepted(_ handle: Handle, from context: Context?) async throws -> Bool {
                do throws(MitogenError) {
                    if let context {
                        return try await context.call(Ask(target.id, handle, "x")) == "x"
                    }
                    return try await target.request(Message(handle: handle, data: [1]), timeout: .seconds(5)).data
                        == [1]
                } catch  where error.message == "refused by policy" {
                    #expect(error.code == .channelError)
                    return false
                }
            }
            var accepted: [Handle: [Bool]] = [:]
            for (handle, _) in handles {
                for context in [nil, other, nested] {
                    accepted[handle, default: []].append(try await isAccepted(handle, from: context))
                }
            }
            #expect(accepted[5000] == [true, true, true])
            #expect(accepted[5001] == [true, false, false])
            #expect(accepted[5002] == [true, false, true])
            #expect(accepted[5003] == [false, true, false])
        }
    }

    @Test("A handler with a respondent hears of that context only, and of its end")
    func respondents() async throws {
        try await withFixtureRouter { router in
            let expected = try await router.local()
            let other = try await router.local()
            let inbox = Inbox()
            let handle = try router.addHandler(respondent: expected) { inbox.append($0) }
            let refused = try await failure { _ = try await other.call(Ask(0, handle, "mine")) }
            #expect(refused.message == "reply from unexpected context")
            try await expected.call(Tell(0, handle, "mine"))
            #expect(try await eventually { inbox.texts == ["mine"] })
            try await expected.shutdown(waits: true)
            #expect(try await eventually { inbox.all.count == 2 })
            #expect(inbox.texts.last?.hasPrefix("dead: the respondent Context has disconnected") == true)
            #expect(inbox.all.last?.isDead == true)
            #expect(try await failure { try router.removeHandler(at: handle) }.code == .misuse)
        }
    }

    @Test("Handlers hear of the router's end")
    func brokerExit() async throws {
        let inbox = Inbox()
        try await withFixtureRouter { router in
            _ = try router.addHandler { inbox.append($0) }
        }
        #expect(inbox.texts == ["dead: Broker has exitted"])
    }

    @Test("What cannot be delivered is answered with the reason")
    func undeliverable() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "near" }
            let nowhere = try #require(router.context(id: 1234))
            let direct = try await failure { _ = try await nowhere.request(Message(handle: 5000)) }
            #expect(direct.code == .channelError)
            #expect(direct.message == "no route to 1234, my ID is 0")
            let called = try await failure { _ = try await nowhere.call(Add(1, 2)) }
            #expect(called.message.hasSuffix("no route to 1234, my ID is 0"))
            let fromBelow = try await failure { _ = try await child.call(Ask(1234, 5000, "?")) }
            #expect(fromBelow.message == "no route to 1234, my ID is 0")
            let nobody = try await failure { _ = try await child.request(Message(handle: 5000)) }
            #expect(nobody.message == "invalid handle")
            #expect(nobody.context == "near")
            let nested = try await router.local(via: child)
            try await nested.shutdown(waits: true)
            let gone = try await failure { _ = try await nested.request(Message(handle: 5000)) }
            #expect(gone.message == "no route to \(nested.id), my ID is 0")
        }
    }

    @Test("A handler answers with a value, or with a message that is ready")
    func replies() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local()
            let values = try router.addHandler { [weak router] message in
                guard let router else { return }
                try? message.reply("answered", through: router)
            }
            let ready = try router.addHandler { [weak router] message in
                guard let router else { return }
                message.reply(with: Message(dstID: 77, handle: 77, encoding: .binary, data: [7]), through: router)
            }
            let dead = try router.addHandler { [weak router] message in
                guard let router else { return }
                message.reply(with: .dead("not today"), through: router)
            }
            let answer = try await router.myself().request(Message(handle: values), timeout: .seconds(5))
            #expect(try answer.decode() == "answered")
            let raw = try await router.myself().request(Message(handle: ready), timeout: .seconds(5))
            #expect(raw.data == [7] && raw.encoding == .binary && raw.handle >= 1000 && raw.dstID == 0)
            let refused = try await failure { _ = try await child.call(Ask(0, dead, "?")) }
            #expect(refused.code == .channelError && refused.message == "not today")
        }
    }

    @Test("A wait for an answer can be limited, repeated, cancelled")
    func pendingMessages() async throws {
        try await withFixtureRouter { router in
            let child = try await router.local { $0.name = "quiet" }
            _ = try await child.call(Listen(at: 5000))
            let question = Message(handle: 5000, data: [1, 2])
            let pending = try child.startRequest(question)
            #expect(try await pending.get(timeout: .seconds(5)).data == [1, 2])
            #expect(try await pending.get().data == [1, 2])
            // The master's own handler does not answer.
            let inbox = Inbox()
            let handle = try router.addHandler { inbox.append($0) }
            let silent = try await failure {
                _ = try await child.call(Ask(0, handle, "hello", timeout: 0.1))
            }
            #expect(silent.code == .timeoutError)
            let unanswered = try router.myself().startRequest(Message(handle: handle))
            let late = try await failure { _ = try await unanswered.get(timeout: .milliseconds(30)) }
            #expect(late.code == .timeoutError)
            let waiter = Task { try await failure { _ = try await unanswered.get() } }
            unanswered.cancel()
            #expect(try await waiter.value.code == .cancelled)
            let cancelled = Task {
                try await failure { _ = try await router.myself().request(Message(handle: handle)) }
            }
            cancelled.cancel()
            #expect(try await cancelled.value.code == .cancelled)
            let dead = try child.startRequest(Message(handle: 4999))
            #expect(try await dead.get(throwsDead: false).isDead)
            #expect(try await failure { _ = try await dead.get() }.code == .channelError)
        }
    }

    @Test("A message that is too large is refused, wherever it is made")
    func tooLarge() async throws {
        try await withFixtureRouter {
            $0.maxMessageSize = 100_000
        } _: { router in
            let child = try await router.local()
            let nested = try await router.local(via: child)
            let reason = "message too large (max 100000 bytes)"
            for context in [child, nested] {
                #expect(try await context.call(WhoAmI()).maxMessageSize == 100_000)
                let small = [UInt8](repeating: 1, count: 90_000)
                #expect(try await context.call(Echo(small)) == small)
                let argument = try await failure {
                    _ = try await context.call(Echo([UInt8](repeating: 1, count: 100_000)), timeout: .seconds(5))
                }
                #expect(argument.code == .channelError)
                #expect(argument.message.contains(reason))
                #expect(argument.message.contains("the call of MitogenFixtures.Echo<"))
                #expect(argument.message.contains("has 100"), "the size in bytes, with what is around the arguments")
                let unsent = try await failure { try context.callNoReply(Echo([UInt8](repeating: 1, count: 100_000))) }
                #expect(unsent.code == .channelError)
                #expect(unsent.message.hasPrefix("\(reason): the call of MitogenFixtures.Echo<"))
                let result = try await failure { _ = try await context.call(MakeBytes(100_000), timeout: .seconds(5)) }
                #expect(result.code == .channelError)
                #expect(result.message.contains(reason))
                #expect(result.message.contains("the result of MitogenFixtures.MakeBytes has 1000"))
                let message = Message(handle: 5000, data: [UInt8](repeating: 1, count: 100_001))
                let sent = try await failure { _ = try await context.request(message, timeout: .seconds(5)) }
                #expect(sent.message == reason)
                #expect(try await context.call(Add(1, 2)) == 3)
            }
        }
    }

    @Test("Nobody waits for the answer to a message that is too large: who waits for the message is told")
    func tooLargeWithoutAnswer() async throws {
        try await withFixtureRouter {
            $0.maxMessageSize = 100_000
        } _: { router in
            let child = try await router.local()
            let nested = try await router.local(via: child)
            let reason = "message too large (max 100000 bytes)"
            for context in [child, nested] {
                let inbox = Inbox()
                let handle = try router.addHandler { inbox.append($0) }
                try await context.call(SendRaw([.size(100_000), .size(100_001)], handle))
                #expect(try await eventually { inbox.all.count == 2 })
                #expect(inbox.all.first?.data.count == 100_000)
                #expect(inbox.texts.last == "dead: \(reason)")
                let introductions = try Receiver<Sender<Int>>(router: router)
                let waiting = try context.startCall(ReceiveNumbers(introduction: introductions.makeSender()))
                let place = try await introductions.get(timeout: .seconds(5)).handle
                try context.send(Message(handle: place, data: [UInt8](repeating: 1, count: 100_001)))
                let error = try await failure { _ = try await waiting.get(timeout: .seconds(5)) }
                #expect(error.code == .channelError && error.message.contains(reason), "\(error)")
            }
        }
    }

    @Test("That a message is too large to be sent is logged where it was made")
    func tooLargeLogged() async throws {
        try await CapturedLog.withEverything {
            try await withFixtureRouter {
                $0.maxMessageSize = 100_000
            } _: { router in
                let child = try await router.local()
                try child.send(Message(handle: 4711, data: [UInt8](repeating: 1, count: 100_001)))
                let isLogged = try await CapturedLog.waitForLine(of: "mitogen") { line in
                    line.hasPrefix("refused ") && line.hasSuffix(": message too large (max 100000 bytes)")
                }
                #expect(isLogged)
            }
        }
    }

    @Test("A context that was decoded without a router cannot be used")
    func withoutRouter() async throws {
        let value = PickleValue.context(id: 3, name: "lost")
        let context = try value.cast(to: Context.self)
        let error = try await failure { _ = try await context.call(Add(1, 2)) }
        #expect(error.code == .misuse)
        #expect(error.message.contains("lost"))
    }

    // MARK: Peers that do not keep to the protocol

    private func withRawChild(
        _ behaviour: String,
        _ body: (Router, _ liar: Context, _ honest: Context, Inbox) async throws -> Void
    ) async throws {
        let inbox = Inbox()
        let executable = [try Fixture.path, "raw-child", behaviour]
        try await withFixtureRouter {
            // These children do not end when they are asked to.
            $0.shutdownTimeout = .seconds(1)
        } _: { router in
            try router.addHandler(at: 2000) { inbox.append($0) }
            let liar = try await router.local {
                $0.name = "liar"
                $0.executable = executable
            }
            let honest = try await router.local()
            #expect(liar.id == 1 && honest.id == 2)
            try await body(router, liar, honest, inbox)
        }
    }

    @Test("Forged messages are dropped")
    func forged() async throws {
        try await CapturedLog.withEverything {
            try await withRawChild("forge") { router, liar, honest, inbox in
                let nested = try await router.local(via: honest)
                let pid = try await honest.call(ProcessID())
                let before = CapturedLog.all.count
                try liar.send(Message(handle: 1))
                #expect(try await eventually { inbox.texts.contains("honest") })
                #expect(inbox.texts == ["honest"])
                #expect(try await honest.call(ProcessID()) == pid)
                #expect(try await nested.call(Add(1, 2)) == 3)
                #expect(router.streamName(id: honest.id) == honest.name)
                let lines = CapturedLog.all[before...].filter { $0.label == "mitogen" }.map(\.message)
                for id in ["auth_id: got 0", "auth_id: got 2", "auth_id: got 77", "src_id: got 0", "src_id: got 2"] {
                    #expect(lines.contains("dropped a message: bad \(id) via context 1"), "\(id): \(lines)")
                }
            }
        }
    }

    /// What a peer does that breaks off, and what is told about it.
    static let breaks: [(String, String)] = [
        ("truncate", "ended"), ("noise-later", "bad magic"), ("oversize-later", "Maximum message size exceeded"),
    ]

    @Test("A peer that breaks off is gone, with the reason", arguments: breaks)
    func broken(_ behaviour: String, _ text: String) async throws {
        try await withRawChild(behaviour) { router, liar, honest, inbox in
            let error = try await within(.seconds(5)) { try await failure { _ = try await liar.call(Add(1, 2)) } }
            #expect(error.code == .channelError)
            #expect(error.message.contains(text), "\(error)")
            #expect(try await honest.call(Add(1, 2)) == 3)
        }
    }

    @Test("A peer that is killed with something unread in its connection is gone like any other")
    func reset() async throws {
        try await withRawChild("deaf") { router, liar, honest, inbox in
            let pid = try deafChild()
            let pending = try liar.startRequest(Message(handle: 5000, data: [1, 2, 3]))
            kill(pid, SIGKILL)
            let error = try await within(.seconds(5)) { try await failure { _ = try await pending.get() } }
            #expect(error.code == .channelError)
            #expect(
                error.message
                    == "the respondent Context has disconnected: process \(pid) ended with signal 9 (SIGKILL)"
            )
        }
    }

    private func deafChild() throws -> Int32 {
        let children = Processes.children(of: selfPID)
        return try #require(
            children.first { Files.text("/proc/\($0)/cmdline")?.contains("raw-child\0deaf") == true }
        )
    }

    @Test("A peer that stays when its connection is over is asked to end, and killed a second later")
    func stays() async throws {
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/asked"
            let executable = [try Fixture.path, "raw-child", "stay", path]
            try await withFixtureRouter { router in
                let known = Set(Processes.children(of: selfPID))
                let liar = try await router.local { $0.executable = executable }
                let pid = try #require(Processes.children(of: selfPID).first { !known.contains($0) })
                let start = ContinuousClock.now
                #expect(try await failure { _ = try await liar.call(Add(1, 2)) }.code == .channelError)
                #expect(try await eventually(within: .seconds(5)) { Files.text(path) == "asked" })
                #expect(ContinuousClock.now - start > .milliseconds(1150))
                #expect(try await Processes.stillRunning([pid], after: .seconds(5)).isEmpty)
                #expect(ContinuousClock.now - start > .milliseconds(2150))
            }
        }
    }

    @Test("A peer that floods, and does not read, does not hold up the others")
    func flood() async throws {
        try await withRawChild("flood") { router, liar, honest, inbox in
            let best = try await bestDuration(of: 20) { _ = try await honest.call(Add(1, 2)) }
            #expect(best < .milliseconds(100))
            #expect(try await eventually(within: .seconds(20)) { inbox.texts == ["flooded"] })
        }
    }

    @Test("A peer that does not read: calls end in time, large ones too, and so does the router")
    func deaf() async throws {
        var pid: Int32 = 0
        let elapsed = try await duration {
            try await withRawChild("deaf") { router, liar, honest, inbox in
                pid = try deafChild()
                let large = [UInt8](repeating: 1, count: 20_000_000)
                let error = try await failure { _ = try await liar.call(Echo(large), timeout: .milliseconds(500)) }
                #expect(error.code == .timeoutError)
                #expect(try await honest.call(Add(1, 2)) == 3)
                let shutdown = try await failure { try await liar.shutdown(waits: true, timeout: .milliseconds(100)) }
                #expect(shutdown.code == .timeoutError)
            }
        }
        #expect(elapsed < .seconds(4))
        #expect(!Processes.isRunning(pid))
    }
}
