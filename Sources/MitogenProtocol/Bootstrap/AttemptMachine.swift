//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// One attempt to start a context, from before its process is there to the program's greeting. It is fed with what happens
/// and says what to do.
///
///     preparing ──▶ bootstrapping ──▶ greeting ──▶ connected
///       ▲  │              │              ▲  │
///       │  └──────────────┼──────────────┘  └──▶ explaining
///       └── another way ──┘
///
/// Any of them but `connected` ends in `failed`. Each case holds what is there of the connection, and what a transition
/// leaves behind is in its actions: so everything is ended, and once.
///
/// It is generic so that it can be fed without processes: `Process` is what was started, `Wire` what leads to it.
package struct AttemptMachine<Process: Sendable, Wire: Sendable>: Sendable {
    package enum State: Sendable {
        /// Nothing of the connection is there, but perhaps a tool that is asked something or copies the program.
        case preparing(Process?)
        /// A tool brings the program; the inner machine says how far it has come.
        ///
        /// Indirect, because the machine is large: whatever copies the state would copy all of it, and that code is in every
        /// payload.
        indirect case bootstrapping(Process, Wire, BootstrapMachine, Otherwise)
        /// The program runs, and must answer with this identity; nil where only the version counts. The bytes are what has
        /// come of its first message.
        case greeting(Process, Wire, [UInt8], image: String?)
        /// The wire has ended before the greeting. How the process ends belongs into the error.
        case explaining(Process, MitogenError)
        case connected
        /// In which way another attempt may work.
        case failed(ConnectionRetries.Reason?)
    }

    /// What can be done when a tool fails.
    package struct Otherwise: Sendable {
        /// Whether the program can be copied where there is no shell.
        var copies: Bool
        /// The command that tells which containers a pod has.
        var question: [String]?

        package init(copies: Bool = false, question: [String]? = nil) {
            self.copies = copies
            self.question = question
        }
    }

    package enum Action: Sendable {
        case bootstrap(BootstrapAction, Wire)
        /// Bring the program without a shell, and launch it.
        case copyProgram
        /// Ask, and fail with the error and what the answer adds to it.
        case ask([String], MitogenError)
        /// Tell how the process ends, with ``AttemptMachine/explained(_:lines:)``.
        case explain(Process)
        case cancel(Wire)
        case end(Process)
        /// The context is there: the bytes behind the greeting, and all that follow, are frames. A Python context does not
        /// greet.
        case succeed(Process, Wire, ChildGreeting?, [UInt8])
        case fail(MitogenError)
    }

    package private(set) var state = State.preparing(nil)
    private let id: ContextID
    private let version: String

    /// - Parameters:
    ///   - id: The number that the context has.
    ///   - version: Mitogen's version here.
    package init(id: ContextID, version: String) {
        self.id = id
        self.version = version
    }

    /// Whether nothing more is to be done for the attempt.
    package var isSettled: Bool {
        switch state {
        case .connected, .failed: true
        default: false
        }
    }

    package var retry: ConnectionRetries.Reason? {
        if case .failed(let reason) = state { reason } else { nil }
    }

    /// The inner machine, while there is one.
    package var bootstrap: BootstrapMachine? {
        if case .bootstrapping(_, _, let machine, _) = state { machine } else { nil }
    }

    // MARK: Processes

    /// A tool was started that is asked something or copies the program. There is one at a time.
    package mutating func helperStarted(_ process: Process) -> [Action] {
        guard case .preparing = state else { return [.end(process)] }
        state = .preparing(process)
        return []
    }

    /// It has ended. It must not be ended any more: its number can be another process's soon.
    package mutating func helperEnded() {
        if case .preparing = state { state = .preparing(nil) }
    }

    /// A tool was started that brings the program.
    package mutating func launched(
        _ process: Process,
        _ wire: Wire,
        _ machine: BootstrapMachine,
        otherwise: Otherwise
    ) -> [Action] {
        guard case .preparing = state else { return [.cancel(wire), .end(process)] }
        state = .bootstrapping(process, wire, machine, otherwise)
        return []
    }

    /// The program itself was started.
    package mutating func launched(_ process: Process, _ wire: Wire, image: String?) -> [Action] {
        guard case .preparing = state else { return [.cancel(wire), .end(process)] }
        state = .greeting(process, wire, [], image: image)
        return []
    }

    // MARK: The tool

    /// Something has happened to the tool that brings the program, if there is one.
    package mutating func feed(_ event: (inout BootstrapMachine) -> [BootstrapAction]) -> [Action] {
        guard case .bootstrapping(let process, let wire, var machine, let otherwise) = state else { return [] }
        let actions = event(&machine)
        state = .bootstrapping(process, wire, machine, otherwise)
        return actions.flatMap { action -> [Action] in
            switch action {
            case .fail(let failure): return toolFailed(failure)
            case .handOver(let bytes) where machine.startsPython:
                state = .connected
                return [.succeed(process, wire, nil, bytes)]
            case .handOver(let bytes):
                state = .greeting(process, wire, [], image: machine.image?.key)
                return received(bytes)
            default: return [.bootstrap(action, wire)]
            }
        }
    }

    private mutating func toolFailed(_ failure: BootstrapFailure) -> [Action] {
        guard case .bootstrapping(let process, let wire, _, let otherwise) = state else { return [] }
        let next: Action
        if failure.code == .noShell, otherwise.copies {
            next = .copyProgram
        } else if failure.code == .noSuchContainer, let question = otherwise.question {
            next = .ask(question, failure.error)
        } else {
            return fail(failure.error, retry: failure.retry)
        }
        state = .preparing(nil)
        return [.cancel(wire), .end(process), next]
    }

    // MARK: The program

    /// Something has happened on the wire to the program, if there is one.
    package mutating func happened(_ event: WireEvent) -> [Action] {
        switch (state, event) {
        case (.greeting, .output(let bytes)): return received(bytes)
        case (.greeting(let process, _, _, _), .outputEnded(let reason)): return ended(process, reason)
        default: return []
        }
    }

    private mutating func received(_ bytes: [UInt8]) -> [Action] {
        guard case .greeting(let process, let wire, let before, let image) = state else { return [] }
        let all = before + bytes
        state = .greeting(process, wire, all, image: image)
        let first: (message: Message, rest: [UInt8])?
        do throws(FramingError) {
            first = try Self.firstMessage(of: all)
        } catch {
            return [.cancel(wire)] + ended(process, "\(error)")
        }
        guard let first else { return [] }
        do throws(MitogenError) {
            let greeting = try greeting(first.message, image)
            state = .connected
            return [.succeed(process, wire, greeting, first.rest)]
        } catch {
            return fail(error)
        }
    }

    /// - Parameter reason: What is wrong with the wire; nil if it was closed.
    private mutating func ended(_ process: Process, _ reason: String?) -> [Action] {
        let error =
            reason.map { MitogenError(.streamError, "the child does not speak Mitogen: \($0)") }
            ?? MitogenError(.eofError, "EOF on stream: the child ended before it was ready")
        state = .explaining(process, error)
        return [.explain(process)]
    }

    /// Takes the first message off; nil if it is not complete.
    private static func firstMessage(of bytes: [UInt8]) throws(FramingError) -> (Message, [UInt8])? {
        let header = bytes.count < MessageHeader.size ? nil : bytes.withUnsafeBytes { MessageHeader(parsing: $0) }
        let size = MessageHeader.size + Int(header?.length ?? 0)
        var decoder = FrameDecoder(maximumLength: 64 << 10)
        var message: Message?
        var problem: FramingError?
        bytes.prefix(size).withUnsafeBytes { bytes in
            do throws(FramingError) { try decoder.feed(bytes) { message = $0 } } catch { problem = error }
        }
        if let problem { throw problem }
        return message.map { ($0, Array(bytes[size...])) }
    }

    /// Checks that the child is what was started.
    private func greeting(_ message: Message, _ image: String?) throws(MitogenError) -> ChildGreeting {
        guard message.handle == StandardHandle.ready, message.srcID == id,
            let greeting = try? message.decode(as: ChildGreeting.self)
        else {
            throw MitogenError(.streamError, "the child began with something else than its greeting")
        }
        if let image, greeting.image != image {
            throw MitogenError(
                .imageMismatch,
                "the child runs the image \(greeting.image), not \(image) that was started",
                hint: "the program's file was probably replaced while it ran: start it again"
            )
        }
        guard greeting.version == version else {
            throw MitogenError(
                .imageMismatch,
                "the child is Mitogen \(greeting.version), this program is \(version)",
                hint: "\(.programsOnly)install the same version as `executable`"
            )
        }
        return greeting
    }

    /// The process has ended, or does not in time.
    ///
    /// - Parameters:
    ///   - detail: How it ended, as far as that is known.
    ///   - lines: What it has said last.
    package mutating func explained(_ detail: String?, lines: [String]) -> [Action] {
        guard case .explaining(_, let error) = state else { return [] }
        let message = "\(error.message)\(detail.map { "; \($0)" } ?? "")"
        return fail(MitogenError(error.code, message, diagnostics: lines))
    }

    // MARK: The end

    /// The time for the attempt is over.
    ///
    /// - Parameter waiting: What is waited for before the program is started; nil if that is not so.
    package mutating func deadlinePassed(_ timeout: Duration, waiting: String?) -> [Action] {
        // What was said and how far it has come belong into the error.
        if bootstrap != nil { return feed { $0.deadlineDidPass(timeout) } }
        guard case .preparing = state, let waiting else {
            return fail(MitogenError(.timeoutError, "Connection timed out after \(timeout)."))
        }
        return fail(
            MitogenError(
                .timeoutError,
                "connecting took longer than \(timeout), while \(waiting)",
                hint:
                    "allow more time with \(.connectTimeout), or connect to fewer targets at a time\(.fanout)"
            )
        )
    }

    /// Something else has failed, or nobody wants the attempt any more. The first failure counts.
    package mutating func fail(_ error: MitogenError, retry: ConnectionRetries.Reason? = nil) -> [Action] {
        let rest: [Action]
        switch state {
        case .preparing(let helper): rest = helper.map { [.end($0)] } ?? []
        case .bootstrapping(let process, let wire, _, _), .greeting(let process, let wire, _, _):
            rest = [.cancel(wire), .end(process)]
        case .explaining(let process, _): rest = [.end(process)]
        case .connected, .failed: return []
        }
        state = .failed(retry)
        return [.fail(error)] + rest
    }
}

/// What happens on the wire to a process that makes a connection.
package enum WireEvent: Sendable {
    case output([UInt8])
    /// What is wrong with the connection; nil if it was closed.
    case outputEnded(String?)
    case diagnostics([UInt8])
    case diagnosticsEnded
    case exited(BootstrapExit)
    /// Nothing came for a while, though the tool may have asked something.
    case silent(TerminalSight, isLong: Bool)
    /// Long enough was waited for what belongs to the end.
    case waitedForEnd
}

extension BootstrapMachine {
    package mutating func happened(_ event: WireEvent) -> [BootstrapAction] {
        switch event {
        case .output(let bytes): receive(output: bytes)
        case .outputEnded: outputDidEnd()
        case .diagnostics(let bytes): receive(diagnostics: bytes)
        case .diagnosticsEnded: diagnosticsDidEnd()
        case .exited(let exit): processDidExit(exit)
        case .silent(let sight, let isLong): fellSilent(sight, isLong: isLong)
        case .waitedForEnd: graceDidEnd()
        }
    }
}
