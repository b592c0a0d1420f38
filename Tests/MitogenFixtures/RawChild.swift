//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenPickle
internal import MitogenProtocol

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// A child that is not one: it speaks frames by hand on its standard input and output, and not always the right ones.
enum RawChild {
    static func run(behaviour: String) -> Never {
        switch behaviour {
        case "noise": say("Welcome to this machine!\n")
        case "oversized": send(frame(handle: StandardHandle.ready, length: 0x7fff_ffff))
        case "half-a-greeting": send(Array(frame(handle: StandardHandle.ready, length: 100).prefix(20)))
        case "silence": waitForEnd()
        case "wrong-message":
            let configuration = readConfiguration()
            send(frame(from: configuration.contextID, handle: 4242))
            waitForEnd()
        case "wrong-version":
            greet(readConfiguration(), version: "0.0.1")
            waitForEnd()
        case "python": behaveLikePython()
        default:
            let configuration = readConfiguration()
            greet(configuration)
            misbehave(behaviour, as: configuration.contextID)
        }
        exit(0)
    }

    /// After a proper greeting.
    private static func misbehave(_ behaviour: String, as id: ContextID) {
        switch behaviour {
        case "truncate":
            _ = nextFrame()
            send(frame(from: id, handle: 2000, length: 1000) + [1, 2, 3])
        case "noise-later":
            _ = nextFrame()
            say("this is not a frame at all")
            waitForEnd()
        case "oversize-later":
            _ = nextFrame()
            send(frame(from: id, handle: 2000, length: 0x7fff_ffff))
            waitForEnd()
        case "forge":
            _ = nextFrame()
            forge(as: id)
            waitForEnd()
        case "flood": flood(as: id)
        case "inject-routes":
            _ = nextFrame()
            injectRoutes(as: id)
            waitForEnd()
        case "impostor": answerForOthers(as: id)
        case "half-a-message": sendHalf(as: id)
        case "keeps-credit": keepCredit(as: id)
        case _ where behaviour.hasPrefix("early-"): answerEarly(String(behaviour.dropFirst(6)), as: id)
        case _ where behaviour.hasPrefix("command-"): pretendToRun(String(behaviour.dropFirst(8)), as: id)
        case _ where behaviour.hasPrefix("answer-"): answer(String(behaviour.dropFirst(7)), as: id)
        case _ where behaviour.hasPrefix("name-"): nameAnother(String(behaviour.dropFirst(5)), as: id)
        case _ where behaviour.hasPrefix("flood-"):
            _ = nextFrame()
            flood(String(behaviour.dropFirst(6)), as: id)
            waitForEnd()
        case "deaf": waitWithoutReading()
        case "mute": waitForEnd()
        case "stay": stay()
        default: exit(9)
        }
    }

    /// Messages that claim to come from somewhere else or to act for someone else, then an honest one.
    private static func forge(as id: ContextID) {
        for (source, authority) in [(0, 0), (id, 0), (0, id), (id + 1, id + 1), (id, id + 1), (id + 1, id), (77, 77)] {
            send(frame(from: source, authority: authority, handle: 2000) { Array("forged".utf8) })
            // The same to the next context: that it end, that it call, and that a call of its be cancelled.
            for handle in [StandardHandle.shutdown, StandardHandle.callFunction, 2000] {
                send(frame(from: source, authority: authority, to: id + 1, handle: handle) { Array("forged".utf8) })
            }
        }
        // Without a forged sender, but without the right either.
        send(frame(from: id, authority: id, to: id + 1, handle: StandardHandle.shutdown))
        send(frame(from: id, authority: id, handle: StandardHandle.deleteRoute) { Array("\(id + 1)".utf8) })
        send(frame(from: id, authority: id, handle: StandardHandle.addRoute) { Array("\(id + 1):stolen".utf8) })
        send(frame(from: id, authority: id, handle: StandardHandle.addRoute) { Array("0:master".utf8) })
        send(frame(from: id, authority: id, handle: StandardHandle.addRoute) { [0xff, 0xfe] })
        send(frame(from: id, authority: id, handle: StandardHandle.routeInfo) { [0x80, 0x02] })
        send(frame(from: id, authority: id, handle: StandardHandle.forwardLog) { Array("no nul in here".utf8) })
        send(frame(from: id, authority: id, handle: 2000) { Array("honest".utf8) })
    }

    /// Requests to a handle that nobody has, whose answers it does not read, until told to stop by the end of the
    /// stream.
    private static func flood(as id: ContextID) {
        let request = frame(from: id, authority: id, handle: 4999, replyTo: 1234) { Array("flood".utf8) }
        var many: [UInt8] = []
        for _ in 0..<1000 { many += request }
        for _ in 0..<80 { send(many) }
        send(frame(from: id, authority: id, handle: 2000) { Array("flooded".utf8) })
        waitForEnd()
    }

    /// Knows nothing of what goes beyond the common protocol, and so gives no credit: counts what comes to handle 3000,
    /// and tells the number when something comes to 3001.
    private static func behaveLikePython() {
        let configuration = readConfiguration()
        greet(configuration, info: PeerInfo(revision: 0, capabilities: 0))
        var count = 0
        while true {
            let (header, _) = nextMessage()
            let replyTo = header.replyTo == StandardHandle.isDead ? 0 : header.replyTo
            func answer(_ text: String, to handle: Handle, dead: Bool) {
                let message = frame(
                    from: configuration.contextID,
                    to: header.srcID,
                    handle: handle,
                    replyTo: dead ? StandardHandle.isDead : 0
                ) { Array(text.utf8) }
                send(message)
            }
            switch header.handle {
            case 3000: count += 1
            case 3001: answer("\(count)", to: replyTo, dead: false)
            case StandardHandle.shutdown: exit(0)
            default: if replyTo != 0 { answer(DeadReason.invalidHandle, to: replyTo, dead: true) }
            }
        }
    }

    // MARK: Frames

    static func frame(
        from source: ContextID = 1,
        authority: ContextID? = nil,
        to destination: ContextID = 0,
        handle: Handle,
        replyTo: Handle = 0,
        length: Int? = nil,
        _ data: () -> [UInt8] = { [] }
    ) -> [UInt8] {
        let data = data()
        let words = [destination, source, authority ?? source, handle, replyTo, UInt32(length ?? data.count)]
        return [0x4d, 0x49] + words.flatMap { word in withUnsafeBytes(of: word.bigEndian) { Array($0) } } + data
    }

    static func send(_ bytes: [UInt8]) {
        writeAll(1, bytes)
    }

    private static func say(_ text: String) {
        send(Array(text.utf8))
    }

    private static func greet(
        _ configuration: ChildConfiguration,
        version: String = Mitogen.version,
        info: PeerInfo = .current
    ) {
        let greeting = ChildGreeting(image: configuration.image, version: version, pid: getpid(), info: info)
        guard let message = try? Message.pickled(greeting) else { exit(8) }
        var bytes = frame(from: configuration.contextID, handle: StandardHandle.ready) { message.data }
        bytes[1] = 0x4a
        send(bytes)
    }

    private static func readConfiguration() -> ChildConfiguration {
        let frame = nextFrame()
        let message = Message(handle: 0, encoding: .pickle, data: frame)
        guard let configuration = try? message.decode(as: ChildConfiguration.self) else { exit(7) }
        return configuration
    }

    /// The data of the next frame.
    private static func nextFrame() -> [UInt8] {
        nextMessage().data
    }

    static func nextMessage() -> (header: MessageHeader, data: [UInt8]) {
        guard let header = readExactly(MessageHeader.size).withUnsafeBytes({ MessageHeader(parsing: $0) }) else {
            exit(6)
        }
        return (header, readExactly(Int(header.length)))
    }

    private static func readExactly(_ count: Int) -> [UInt8] {
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while result.count < count {
            let got = read(0, &buffer, min(buffer.count, count - result.count))
            if got <= 0 { exit(0) }
            result += buffer.prefix(got)
        }
        return result
    }

    /// Reads and ignores, until the parent is gone.
    static func waitForEnd() {
        var buffer = [UInt8](repeating: 0, count: 65536)
        while read(0, &buffer, buffer.count) > 0 {}
    }

    /// Breaks its stream, notes that it was asked to end, and does not.
    private static func stay() {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigprocmask(SIG_BLOCK, &signals, nil)
        _ = nextFrame()
        say("this is not a frame at all")
        var signal: Int32 = 0
        sigwait(&signals, &signal)
        writeFile(CommandLine.arguments[3], "asked")
        waitWithoutReading()
    }

    private static func waitWithoutReading() {
        while true { usleep(100_000) }
    }
}
