//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Testing

@testable import MitogenProtocol

@Suite("One attempt to connect")
struct AttemptMachineTests {
    typealias Machine = AttemptMachine<String, String>

    private static let id: ContextID = 7
    private static let error = MitogenError(.connectionCancelled, "given up")

    private static func greeting(
        image: String = "",
        version: String = "1",
        from id: ContextID = id,
        handle: Handle = StandardHandle.ready
    ) throws -> [UInt8] {
        let greeting = ChildGreeting(image: image, version: version, pid: 1, info: .current)
        var message = try Message.pickled(greeting, handle: handle)
        message.srcID = id
        return message.frame
    }

    // MARK: States

    enum Place: String, CaseIterable {
        case preparing, asking, bootstrapping, copying, asksAfterwards, greeting, explaining, connected, failed
    }

    private static func machine(in place: Place) throws -> Machine {
        var machine = Machine(id: id, version: "1")
        func bootstrap(_ otherwise: Machine.Otherwise) throws {
            let inner = try BootstrapMachineTests.machine()
            #expect(machine.launched("tool", "wire", inner, otherwise: otherwise).isEmpty)
        }
        switch place {
        case .preparing: break
        case .asking: #expect(machine.helperStarted("helper").isEmpty)
        case .bootstrapping: try bootstrap(.init())
        case .copying: try bootstrap(.init(copies: true))
        case .asksAfterwards: try bootstrap(.init(question: ["kubectl"]))
        case .greeting: #expect(machine.launched("program", "wire", image: nil).isEmpty)
        case .explaining:
            _ = machine.launched("program", "wire", image: nil)
            _ = machine.happened(.outputEnded(nil))
        case .connected:
            _ = machine.launched("program", "wire", image: nil)
            _ = machine.happened(.output(try greeting()))
        case .failed: _ = machine.fail(error)
        }
        return machine
    }

    private static func name(_ state: Machine.State) -> String {
        switch state {
        case .preparing(let helper): helper.map { "preparing \($0)" } ?? "preparing"
        case .bootstrapping(let process, let wire, let inner, _): "bootstrapping \(process) \(wire) \(inner.stage)"
        case .greeting(let process, let wire, let bytes, let image):
            "greeting \(process) \(wire) \(bytes.count) \(image ?? "-")"
        case .explaining(let process, let error): "explaining \(process) \(error.code)"
        case .connected: "connected"
        case .failed(let retry): retry.map { "failed \($0)" } ?? "failed"
        }
    }

    private static func text(_ action: Machine.Action) -> String {
        switch action {
        case .bootstrap(let action, let wire): "\(wire) \(String(describing: action).prefix { $0 != "(" })"
        case .copyProgram: "copy"
        case .ask(let command, let error): "ask \(command) \(error.code)"
        case .explain(let process): "explain \(process)"
        case .cancel(let wire): "cancel \(wire)"
        case .end(let process): "end \(process)"
        case .succeed(let process, let wire, let greeting, let rest):
            "succeed \(process) \(wire) \(greeting?.version ?? "python") \(rest.count)"
        case .fail(let error): "fail \(error.code)"
        }
    }

    // MARK: Every event in every state

    enum Event: String, CaseIterable {
        case helperStarted, helperEnded, toolLaunched, programLaunched, toolFeed, output, outputEnded, explained,
            deadline, fail

        func feed(_ machine: inout Machine) throws -> [Machine.Action] {
            switch self {
            case .helperStarted: return machine.helperStarted("new")
            case .helperEnded:
                machine.helperEnded()
                return []
            case .toolLaunched:
                return machine.launched("new", "new wire", try BootstrapMachineTests.machine(), otherwise: .init())
            case .programLaunched: return machine.launched("new", "new wire", image: "i")
            case .toolFeed: return machine.feed { $0.giveUp(.noImage, "there is none") }
            case .output: return machine.happened(.output(try AttemptMachineTests.greeting()))
            case .outputEnded: return machine.happened(.outputEnded("it is odd"))
            case .explained: return machine.explained("it has ended", lines: ["last words"])
            case .deadline: return machine.deadlinePassed(.seconds(30), waiting: "waiting for an answer")
            case .fail: return machine.fail(AttemptMachineTests.error)
            }
        }
    }

    /// What each event does in each state: the actions, and the state after it. What is not listed does nothing.
    private static let table: [Place: [Event: ([String], String)]] = [
        .preparing: [
            .helperStarted: ([], "preparing new"),
            .toolLaunched: ([], "bootstrapping new new wire connecting"),
            .programLaunched: ([], "greeting new new wire 0 i"),
            .deadline: (["fail timeoutError"], "failed"), .fail: (["fail connectionCancelled"], "failed"),
        ],
        .asking: [
            .helperStarted: ([], "preparing new"), .helperEnded: ([], "preparing"),
            .toolLaunched: ([], "bootstrapping new new wire connecting"),
            .programLaunched: ([], "greeting new new wire 0 i"),
            .deadline: (["fail timeoutError", "end helper"], "failed"),
            .fail: (["fail connectionCancelled", "end helper"], "failed"),
        ],
        .bootstrapping: launched(with: [
            .toolFeed: (["fail noImage", "cancel wire", "end tool"], "failed"),
            .deadline: (["fail timeoutError", "cancel wire", "end tool"], "failed"),
            .fail: (["fail connectionCancelled", "cancel wire", "end tool"], "failed"),
        ]),
        .copying: launched(with: [
            .toolFeed: (["fail noImage", "cancel wire", "end tool"], "failed"),
            .deadline: (["fail timeoutError", "cancel wire", "end tool"], "failed"),
            .fail: (["fail connectionCancelled", "cancel wire", "end tool"], "failed"),
        ]),
        .asksAfterwards: launched(with: [
            .toolFeed: (["fail noImage", "cancel wire", "end tool"], "failed"),
            .deadline: (["fail timeoutError", "cancel wire", "end tool"], "failed"),
            .fail: (["fail connectionCancelled", "cancel wire", "end tool"], "failed"),
        ]),
        .greeting: launched(with: [
            .output: (["succeed program wire 1 0"], "connected"),
            .outputEnded: (["explain program"], "explaining program streamError"),
            .deadline: (["fail timeoutError", "cancel wire", "end program"], "failed"),
            .fail: (["fail connectionCancelled", "cancel wire", "end program"], "failed"),
        ]),
        .explaining: launched(with: [
            .explained: (["fail eofError", "end program"], "failed"),
            .deadline: (["fail timeoutError", "end program"], "failed"),
            .fail: (["fail connectionCancelled", "end program"], "failed"),
        ]),
        .connected: launched(with: [:]),
        .failed: launched(with: [:]),
    ]

    /// Whatever is launched when something is there already, or the attempt is over, is ended.
    private static func launched(with rows: [Event: ([String], String)]) -> [Event: ([String], String)] {
        rows.merging([
            .helperStarted: (["end new"], ""), .toolLaunched: (["cancel new wire", "end new"], ""),
            .programLaunched: (["cancel new wire", "end new"], ""),
        ]) { first, _ in first }
    }

    @Test("Every event in every state does what the table says", arguments: Place.allCases)
    func everyEvent(place: Place) throws {
        for event in Event.allCases {
            var machine = try Self.machine(in: place)
            let before = Self.name(machine.state)
            let actions = try event.feed(&machine).map(Self.text)
            let (expected, after) = Self.table[place]?[event] ?? ([], "")
            #expect(actions == expected, "\(place) \(event)")
            #expect(Self.name(machine.state) == (after.isEmpty ? before : after), "\(place) \(event)")
            #expect(machine.isSettled == ["connected", "failed"].contains(Self.name(machine.state)))
        }
    }

    @Test("What fails once fails with the first error, whatever comes then", arguments: Place.allCases)
    func failsOnce(place: Place) throws {
        var machine = try Self.machine(in: place)
        let first = machine.fail(Self.error).map(Self.text)
        #expect(first.filter { $0.hasPrefix("fail") }.count == (machine.retry == nil && first.isEmpty ? 0 : 1))
        for event in Event.allCases {
            let actions = try event.feed(&machine).map(Self.text)
            #expect(actions.allSatisfy { $0 == "end new" || $0 == "cancel new wire" }, "\(place) \(event) \(actions)")
        }
    }

    // MARK: The tool

    @Test("Where there is no shell the program is copied, and then launched like any other")
    func copying() throws {
        var machine = try Self.machine(in: .copying)
        let actions = machine.feed { $0.giveUp(.noShell, "there is no sh") }.map(Self.text)
        #expect(actions == ["cancel wire", "end tool", "copy"])
        #expect(Self.name(machine.state) == "preparing")
        #expect(machine.helperStarted("docker cp").isEmpty)
        machine.helperEnded()
        var inner = try BootstrapMachineTests.machine()
        _ = inner.startProgram()
        #expect(machine.launched("docker exec", "second wire", inner, otherwise: .init()).isEmpty)
        #expect(Self.name(machine.state) == "bootstrapping docker exec second wire starting")
        // Now there is no other way.
        let last = machine.feed { $0.giveUp(.noShell, "there is no sh") }.map(Self.text)
        #expect(last == ["fail noShell", "cancel second wire", "end docker exec"])
    }

    @Test("Where a pod has no such container it is asked which it has; other failures are not")
    func asking() throws {
        var machine = try Self.machine(in: .asksAfterwards)
        let actions = machine.feed { $0.giveUp(.noSuchContainer, "no such container") }.map(Self.text)
        #expect(actions == ["cancel wire", "end tool", #"ask ["kubectl"] noSuchContainer"#])
        #expect(Self.name(machine.state) == "preparing")
        var other = try Self.machine(in: .asksAfterwards)
        #expect(other.feed { $0.giveUp(.noShell, "") }.map(Self.text).first == "fail noShell")
    }

    @Test("A failure says in which way another attempt may work")
    func retries() throws {
        var machine = Machine(id: Self.id, version: "1")
        _ = machine.launched("tool", "wire", try BootstrapMachineTests.machine(), otherwise: .init())
        let marker = BootstrapMachineTests.marker
        _ = machine.feed { $0.receive(output: Array("\(marker) Linux x86_64 cached\n".utf8)) }
        _ = machine.feed { $0.found(BootstrapMachineTests.image) }
        _ = machine.feed { $0.outputDidEnd() }
        _ = machine.feed { $0.diagnosticsDidEnd() }
        _ = machine.feed { $0.processDidExit(.signalled(11)) }
        #expect(machine.isSettled && machine.retry == .withoutCache)
    }

    @Test("The program's greeting may follow the tool's last word at every split")
    func handOver() throws {
        let marker = BootstrapMachineTests.marker
        let text = Array("\(marker) Linux x86_64 ready\n".utf8)
        let rest: [UInt8] = [1, 2, 3]
        let bytes = text + (try Self.greeting()) + rest
        for split in 0..<bytes.count - rest.count {
            var machine = Machine(id: Self.id, version: "1")
            let inner = try BootstrapMachineTests.machine(.executable(["/x"]))
            _ = machine.launched("tool", "wire", inner, otherwise: .init())
            var actions: [String] = []
            for piece in [Array(bytes[..<split]), Array(bytes[split...])] where !piece.isEmpty {
                // As the one who feeds it does.
                actions +=
                    (machine.bootstrap == nil
                    ? machine.happened(.output(piece)) : machine.feed { $0.happened(.output(piece)) }).map(Self.text)
            }
            #expect(actions == ["wire configure", "succeed tool wire 1 3"], "\(split)")
        }
    }

    // MARK: The program

    @Test("A greeting is taken at every split, and what follows it is passed on")
    func splits() throws {
        let bytes = try Self.greeting(image: "i") + [9, 9]
        for split in 0..<bytes.count - 1 {
            var machine = Machine(id: Self.id, version: "1")
            _ = machine.launched("program", "wire", image: "i")
            let first = machine.happened(.output(Array(bytes[..<split]))).map(Self.text)
            let isWhole = split >= bytes.count - 2
            #expect(first == (isWhole ? ["succeed program wire 1 \(split - (bytes.count - 2))"] : []))
            if isWhole { continue }
            #expect(machine.happened(.output(Array(bytes[split...]))).map(Self.text) == ["succeed program wire 1 2"])
        }
    }

    @Test("A child that is not what was started is refused")
    func refusals() throws {
        let cases: [([UInt8], String)] = [
            (try Self.greeting(image: "other"), "imageMismatch"),
            (try Self.greeting(image: "i", version: "2"), "imageMismatch"),
            (try Self.greeting(image: "i", from: 8), "streamError"),
            (try Self.greeting(image: "i", handle: 101), "streamError"),
        ]
        for (bytes, code) in cases {
            var machine = Machine(id: Self.id, version: "1")
            _ = machine.launched("program", "wire", image: "i")
            let actions = machine.happened(.output(bytes)).map(Self.text)
            #expect(actions == ["fail \(code)", "cancel wire", "end program"])
        }
    }

    @Test("What is no frame ends the wire, and the process is asked how it ends")
    func noise() throws {
        var machine = try Self.machine(in: .greeting)
        #expect(
            machine.happened(.output(Array("Usage: program\n".utf8))).map(Self.text) == [
                "cancel wire", "explain program",
            ]
        )
        let actions = machine.explained("process 1 ended with exit status 2", lines: ["usage"])
        guard case .fail(let error) = actions[0] else { throw MitogenError(.misuse, "no failure") }
        #expect(error.code == .streamError && error.message.hasSuffix("; process 1 ended with exit status 2"))
        #expect(error.message.contains("bad magic") && error.diagnostics == ["usage"])
        // A length that no greeting has is not waited for.
        var large = try Self.machine(in: .greeting)
        let header = MessageHeader(dstID: 0, srcID: 7, authID: 7, handle: StandardHandle.ready, length: 1 << 20)
        let bytes = withUnsafeBytes(of: header.bytes) { Array($0[..<MessageHeader.size]) }
        #expect(large.happened(.output(bytes)).map(Self.text) == ["cancel wire", "explain program"])
    }

    @Test("A deadline says what is waited for")
    func deadline() throws {
        var machine = try Self.machine(in: .preparing)
        guard case .fail(let error)? = machine.deadlinePassed(.seconds(3), waiting: "waiting for x").first else {
            throw MitogenError(.misuse, "no failure")
        }
        #expect(error.message == "connecting took longer than 3.0 seconds, while waiting for x")
        var other = try Self.machine(in: .greeting)
        guard case .fail(let later)? = other.deadlinePassed(.seconds(3), waiting: "waiting for x").first else {
            throw MitogenError(.misuse, "no failure")
        }
        #expect(later.message == "Connection timed out after 3.0 seconds.")
    }
}
