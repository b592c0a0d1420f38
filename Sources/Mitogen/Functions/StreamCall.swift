//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenPickle
internal import MitogenProtocol
internal import Synchronization

/// The call that runs a ``RemoteStream``.
struct StreamCall<S: RemoteStream>: RemoteFunction, WrappedFunction {
    var stream: S
    /// The caller's handle that the values go to.
    var handle: Handle
    var window: Int
    /// How many bytes may be sent unasked; ``Credit/first`` by default.
    var first: Int?

    static var wrapped: Any.Type { (S.self as? any WrappedFunction.Type)?.wrapped ?? S.self }

    func run(in context: ExternalContext) async throws {
        let sender = try StreamSender(
            to: handle,
            of: context.caller,
            in: context.router,
            window: window,
            first: first ?? Credit.first
        )
        defer { sender.close() }
        try await withTaskExecutorPreference(StreamExecutor.shared) {
            try await stream.run(in: context, yield: StreamWriter(sender: sender))
        }
    }
}

/// The callee's end of a stream: lets values go as long as the caller takes them.
///
/// Each value is a message that names the handle for credit as the one to answer. So a caller that does not know the
/// stream any more makes its router say so.
final class StreamSender: Sendable {
    private let router: Router
    private let caller: Context
    private let handle: Handle
    private let creditHandle: Handle
    private let gate: Gate
    private let sent = Atomic<Int>(0)
    let writerOptions: PickleWriter.Options

    init(to handle: Handle, of caller: Context, in router: Router, window: Int, first: Int) throws(MitogenError) {
        let gate = Gate(Window(StreamMessages.most(window), first: first))
        self.router = router
        self.caller = caller
        self.handle = handle
        self.gate = gate
        let isBinary = caller.peer?.has(PeerInfo.binaryBytes) == true
        writerOptions = PickleWriter.Options(bytesStyle: isBinary ? .binary : .python)
        creditHandle = try router.addHandler(respondent: caller) { message in
            if message.isDead {
                gate.close(with: Self.error(for: message))
            } else if let credit = Credit(parsing: message.data) {
                gate.add(credit)
            }
        }
    }

    /// What `yield` fails with when the caller has gone, or a value was not delivered.
    private static func error(for dead: Message) -> MitogenError {
        let error = MitogenError(dead: dead)
        return error.dead == .invalidHandle || error.dead == .gone
            ? MitogenError(.cancelled, "the values are not wanted any more: \(error.message)")
            : MitogenError(.channelError, "a value was not delivered: \(error.message)")
    }

    /// The function has returned: the caller is told how many values there are, as its answer may overtake them.
    func close() {
        try? router.removeHandler(at: creditHandle)
        gate.close(with: MitogenError(.cancelled, "the stream's function has returned"))
        let count = sent.load(ordering: .relaxed)
        router.route(Message(dstID: caller.id, handle: handle, encoding: .binary, data: Array("\(count)".utf8)))
    }

    func send(_ data: [UInt8]) async throws(MitogenError) {
        guard data.count <= router.maxMessageSize else {
            let text = DeadReason.tooLarge(maximum: router.maxMessageSize)
            throw MitogenError(.channelError, "\(text): a value of the stream has \(data.count) bytes")
        }
        let cost = StreamMessages.cost(of: data)
        try await gate.enter(cost)
        let rest: OneShot<Void>?
        do throws(MitogenError) {
            rest = try await router.send(
                Message(dstID: caller.id, handle: handle, replyTo: creditHandle, encoding: .pickle, data: data)
            )
        } catch {
            // Nobody gives credit for what does not arrive.
            gate.leave(cost)
            throw error
        }
        sent.wrappingAdd(1, ordering: .relaxed)
        // It is on its way, but what comes next may overtake it.
        if rest != nil { throw .cancelledCaller }
    }
}

enum StreamMessages {
    /// What a value counts in the window: its bytes, and about what it takes to keep it.
    static func cost(of data: [UInt8]) -> Int { data.count + 128 }

    /// What a window of so many bytes is: values are counted by their bytes alone.
    static func most(_ window: Int) -> Credit { Credit(items: .max, bytes: window) }

    /// How many values there were, which the callee tells at the end; nil for a value.
    static func count(in message: Message) -> Int? {
        // On the way an old Python implementation may have taken the mark of bytes away. A pickle begins with no digit.
        guard message.replyTo == 0, message.encoding != .pickle else { return nil }
        let count = Int(String(decoding: message.data.prefix(20), as: UTF8.self))
        return message.encoding == .binary ? count ?? 0 : count
    }
}
