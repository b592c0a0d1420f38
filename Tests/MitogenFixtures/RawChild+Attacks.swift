//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenProtocol

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// What a hostile child may try under its own name; see what each test expects of it.
extension RawChild {
    /// Claims that it leads to, and that it has lost, every context that it has nothing to do with: the master, itself,
    /// the next ones, and those that do not exist yet.
    static func injectRoutes(as id: ContextID) {
        for other in [0, id, id + 1, id + 2, 70_000, 4_000_000_000] + Array(id + 3..<id + 4000) {
            func tell(_ handle: Handle, _ data: [UInt8]) { send(frame(from: id, handle: handle) { data }) }
            tell(StandardHandle.addRoute, Array("\(other):stolen".utf8))
            tell(StandardHandle.routeInfo, pickled(RouteInfo(id: other, info: PeerInfo(revision: 0, capabilities: 0))))
            tell(StandardHandle.routeLost, pickled(RouteLoss(id: other, reason: "stolen")))
            tell(StandardHandle.deleteRoute, Array("\(other)".utf8))
            tell(StandardHandle.addRoute, Array("\(other):stolen".utf8))
        }
        send(frame(from: id, handle: 2000) { Array("done".utf8) })
    }

    /// Answers whatever handle of the master an answer may be expected at, in every form, as often as it is asked to.
    static func answerForOthers(as id: ContextID) {
        while true {
            // Not when it is told that nobody has waited for an answer.
            guard nextMessage().header.handle == 1 else { continue }
            for handle in Handle(1000)..<1300 {
                var answer = frame(from: id, handle: handle) { pickled(666) }
                answer[1] = 0x4a
                send(answer)
                send(frame(from: id, handle: handle, replyTo: 1234) { [7] })
                send(frame(from: id, handle: handle, replyTo: StandardHandle.isDead) { Array("stolen".utf8) })
            }
            send(frame(from: id, handle: 2000) { Array("done".utf8) })
        }
    }

    /// Says that it has made a connection, and that the context is one that is there already.
    static func nameAnother(_ other: String, as id: ContextID) {
        struct Connection: Encodable {
            var id: ContextID?
            var name = "mine"
            var capabilities: UInt32 = 0
            var revision = 0
        }
        while true {
            let (header, _) = nextMessage()
            guard header.handle == StandardHandle.callFunction else { continue }
            var answer = frame(from: id, to: header.srcID, handle: header.replyTo) {
                pickled(Connection(id: ContextID(other)))
            }
            answer[1] = 0x4a
            send(answer)
        }
    }

    /// Takes commands, and says of them what no command does.
    static func pretendToRun(_ kind: String, as id: ContextID) {
        struct Status: Encodable {
            var exited: Int
        }
        struct Output: Encodable {
            var status: Status
            var hasTimedOut = false
        }
        while true {
            let (header, data) = nextMessage()
            guard header.handle == StandardHandle.callFunction, let call = try? CallRequest(decoding: data),
                case .dictionary(let request)? = call.arguments.first, case .int(let handle)? = request["handle"]
            else { continue }
            func say(_ event: [UInt8]) { send(frame(from: id, handle: Handle(handle)) { event }) }
            var status = 0
            switch kind {
            case "credit": for _ in 0..<2 { say([0] + Array("\(Int.max)".utf8)) }
            case "status": status = Int(Int32.max)
            default:
                let piece = [1] + [UInt8](repeating: UInt8(ascii: "x"), count: 60_000)
                // Until the master cuts it off, or for 6 GB.
                for _ in 0..<100_000 { say(piece) }
            }
            var answer = frame(from: id, handle: header.replyTo) { pickled(Output(status: Status(exited: status))) }
            answer[1] = 0x4a
            send(answer)
        }
    }

    /// Answers a command or a stream, says that it has sent three items when only one has come, and then sends the others
    /// or ends.
    static func answerEarly(_ kind: String, as id: ContextID) {
        struct Output: Encodable {
            var status = ["exited": 0]
            var hasTimedOut = false
        }
        while true {
            let (header, data) = nextMessage()
            guard header.handle == StandardHandle.callFunction, let call = try? CallRequest(decoding: data) else {
                continue
            }
            // A command is called by its type, and the stream by a name.
            var request = call.keywordArguments
            if case .dictionary(let properties)? = call.arguments.first { request = properties }
            guard case .int(let handle)? = request["handle"] else { continue }
            let isCommand = kind.hasPrefix("command")
            func sendPickled(_ data: [UInt8], to handle: Handle, replyTo: Handle = 0) {
                var message = frame(from: id, handle: handle, replyTo: replyTo) { data }
                message[1] = 0x4a
                send(message)
            }
            func sendItem(_ number: Int) {
                if isCommand {
                    return send(frame(from: id, handle: Handle(handle)) { [1] + Array("\(number)\n".utf8) })
                }
                sendPickled(pickled(number), to: Handle(handle), replyTo: 1234)
            }
            sendItem(1)
            var count = frame(from: id, handle: Handle(handle)) { (isCommand ? [3] : []) + Array("3".utf8) }
            count[1] = 0x4b
            send(count)
            sendPickled(isCommand ? pickled(Output()) : pickled(0), to: header.replyTo)
            // So that the answer is dealt with before anything else comes.
            usleep(200_000)
            if kind.hasSuffix("lost") { return }
            sendItem(2)
            sendItem(3)
        }
    }

    /// Answers every call with 9 MB of one kind.
    static func answer(_ kind: String, as id: ContextID) {
        var data: [UInt8] = [0x80, 0x02]
        switch kind {
        case "nones":
            data += Array("](".utf8) + [UInt8](repeating: UInt8(ascii: "N"), count: 9_000_000) + Array("e.".utf8)
        default: data += [UInt8](repeating: UInt8(ascii: "]"), count: 9_000_000)
        }
        while true {
            let (header, _) = nextMessage()
            guard header.handle == StandardHandle.callFunction else { continue }
            var answer = frame(from: id, to: header.srcID, handle: header.replyTo) { data }
            answer[1] = 0x4a
            send(answer)
        }
    }

    /// A receiver at handle 3000 that has a large value sent to it whole but does not say that it has it before something
    /// comes to handle 3001. Tells handle 2000 what it gets.
    static func keepCredit(as id: ContextID) {
        var missing = 0
        var creditHandle: Handle = 0
        func tell(_ text: String) { send(frame(from: id, handle: 2000) { Array(text.utf8) }) }
        func give(_ count: Int) { send(frame(from: id, handle: creditHandle) { Array("\(count)".utf8) }) }
        while true {
            let (header, data) = nextMessage()
            switch header.handle {
            case StandardHandle.openChannel:
                let abilities = PeerInfo.current.capabilities
                send(frame(from: id, handle: header.replyTo) { Array("\(abilities)".utf8) })
                guard let opening = ChannelOpening(parsing: data) else { continue }
                send(frame(from: id, handle: opening.returnHandle) { Credit(bytes: 1 << 20).data })
            case StandardHandle.messagePart:
                guard let part = MessagePart(parsing: data) else { continue }
                creditHandle = header.replyTo
                if part.offset == 0 { give(MessagePart.firstWindow) }
                missing = part.total - part.offset - (data.count - MessagePart.headerSize)
                if missing == 0 { tell("large \(part.total)") }
            case 3000: tell(header.replyTo == StandardHandle.isDead ? "closed" : "small")
            // An answer without credit says that the message is whole.
            case 3001: send(frame(from: id, handle: creditHandle) { [] })
            case StandardHandle.shutdown: return
            default: continue
            }
        }
    }

    /// Begins a message of 3 MB for the master when something comes to handle 1, and does not go on with it. Ends when
    /// something comes to handle 2.
    static func sendHalf(as id: ContextID) {
        while true {
            let handle = nextMessage().header.handle
            if handle == 2 { return }
            guard handle == 1 else { continue }
            let whole = Message(handle: 2000, data: [UInt8](repeating: 0, count: 3_000_000))
            let part = MessagePart(whole, transfer: 1, offset: 0)
            let piece = part.data(whole.data.prefix(MessagePart.firstWindow))
            send(frame(from: id, handle: StandardHandle.messagePart, replyTo: 1234) { piece })
        }
    }

    /// Sends as much as it can of one kind, and reads nothing meanwhile.
    static func flood(_ kind: String, as id: ContextID) {
        let text = [UInt8](repeating: UInt8(ascii: "x"), count: 1000)
        switch kind {
        case "unread-answers": flood(1_000_000) { _ in frame(from: id, handle: 4999, replyTo: 1234) }
        case "unknown-handles": flood(100_000) { frame(from: id, handle: 5000 + Handle($0)) { [1, 2, 3] } }
        case "logs":
            flood(20_000) { number in
                frame(from: id, handle: StandardHandle.forwardLog) { Array("shop\020\0\(number) ".utf8) + text }
            }
        case "routes":
            // So that it may have so many children.
            flood(300) { _ in frame(from: id, handle: StandardHandle.allocateID, replyTo: 1234) }
            let name = String(repeating: "n", count: 200)
            flood(200_000) { number in
                frame(from: id, handle: StandardHandle.addRoute) { Array("\(5000 + number):\(name)".utf8) }
            }
        case "ids": flood(1_000_000) { _ in frame(from: id, handle: StandardHandle.allocateID, replyTo: 1234) }
        case "own-handles":
            // Millions of small values, to whatever is decoded where it arrives.
            let values =
                [0x80, 0x02, 0x28] + [UInt8](repeating: UInt8(ascii: "N"), count: 9_000_000) + Array("t.".utf8)
            for handle in Array(Handle(101)...106) + [109] + Array(200...209) {
                var message = frame(from: id, handle: handle, replyTo: 1234) { values }
                message[1] = 0x4a
                send(message)
            }
        case "undeliverable": flood(1_000_000) { frame(from: id, to: 70_000, handle: 5000 + Handle($0)) }
        case "halves":
            let whole = Message(handle: 2000, data: [UInt8](repeating: 0, count: 100_000_000))
            for transfer in 0..<UInt32(1024) {
                let part = MessagePart(whole, transfer: transfer, offset: 0)
                let piece = part.data(whole.data.prefix(MessagePart.firstWindow))
                send(frame(from: id, handle: StandardHandle.messagePart, replyTo: 1234) { piece })
            }
        case "endings", "few-endings":
            // That whatever anyone waits for is over.
            flood(kind == "endings" ? 1_000_000 : 4000) { number in
                let handle = Handle(1000 + number % 2000)
                return frame(from: id, handle: handle, replyTo: StandardHandle.isDead) { Array("stolen".utf8) }
            }
        case "channel":
            let opening = ChannelOpening(handle: 3000, returnHandle: 1500)
            let block = [UInt8](repeating: 1, count: 4000)
            send(frame(from: id, handle: StandardHandle.openChannel, replyTo: 1234) { opening.data })
            flood(50_000) { _ in frame(from: id, handle: 3000, replyTo: 1500) { block } }
        default: return
        }
        send(frame(from: id, handle: 2000) { Array("done".utf8) })
    }

    /// Many at once, so that the other side is what has to keep up.
    private static func flood(_ count: Int, _ frame: (Int) -> [UInt8]) {
        var bytes: [UInt8] = []
        for number in 0..<count {
            bytes += frame(number)
            guard bytes.count > 60_000 || number == count - 1 else { continue }
            send(bytes)
            bytes.removeAll(keepingCapacity: true)
        }
    }

    private static func pickled(_ value: some Encodable) -> [UInt8] {
        (try? Message.pickled(value))?.data ?? []
    }
}
