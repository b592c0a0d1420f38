//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// One attempt to bring a program to the far side and run it, from the start of the tool that makes the connection to
/// the program's first answer. It is fed with what happens and says what to do.
///
///     connecting ──cached, ready──▶ starting ──first frame──▶ ready
///         │ need                       ▲
///         ▼                            │ run
///     choosingImage ──▶ compressing ──▶ sendingImage
///
/// Any of them ends in a failure; after that, and after ``BootstrapAction/handOver(_:)``, nothing is said any more.
package struct BootstrapMachine: Sendable {
    /// Where a tool asks its questions.
    package enum PromptPlace: Sendable, Equatable {
        /// On the terminal or pipe that also has its diagnostics.
        case diagnostics
        /// On standard output: the whole connection is one terminal.
        case output
    }

    enum State: Sendable, Equatable {
        case connecting
        case choosing([ImageCompression])
        case lookingUp(BootstrapImage)
        case compressing(BootstrapImage)
        case sending
        case starting
        case handedOver
        case failed(ConnectionReport.Stage)
    }

    /// More than this in front of the marker is no noise of login scripts.
    static let noiseLimit = 64 << 10
    static let longestReport = 8192

    let firstStage: FirstStage
    let marker: [UInt8]
    /// The container that is to be reached, if it is one.
    package var container: ContainerTarget?
    /// The container of a pod that kubectl says it has taken.
    private var chosenPodContainer: String?
    /// The container of a pod that was named, or that kubectl says it has taken.
    package var podContainer: String? { chosenPodContainer ?? container?.podContainer }
    private let promptPlace: PromptPlace
    private let ignoredStarts: [[UInt8]]
    private let table: PromptTable?
    private let tool: ToolFailures
    var prompts: PromptMachine?
    /// Whether the terminal that the tool asks on does not show what is typed.
    package var hidesInput = true
    var state = State.connecting
    package internal(set) var platform: TargetPlatform?
    /// The image that is executed, once it is; nil for an executable.
    package internal(set) var image: BootstrapImage?
    var output = LineSplitter()
    private var diagnostics = LineSplitter()
    var transcript = Transcript()
    var noiseSize = 0
    package internal(set) var wasCached = false
    private var outputEnded = false
    private var diagnosticsEnded: Bool
    private var exit: BootstrapExit?
    private var expectsEnd = false

    /// - Parameters:
    ///   - prompts: What the tool asks, if it asks.
    ///   - tool: What the tool says when it fails.
    ///   - hasDiagnostics: Whether there is a stream of diagnostics, which ends by itself.
    package init(
        _ firstStage: FirstStage,
        prompts: PromptMachine? = nil,
        on promptPlace: PromptPlace = .diagnostics,
        tool: ToolFailures = ToolFailures(),
        hasDiagnostics: Bool = true
    ) {
        self.firstStage = firstStage
        self.prompts = prompts
        table = prompts?.table
        ignoredStarts = table?.ignoredStarts ?? []
        self.promptPlace = promptPlace
        self.tool = tool
        marker = Array(firstStage.marker.utf8)
        diagnosticsEnded = !hasDiagnostics
    }

    /// How far it has come.
    package var stage: ConnectionReport.Stage {
        switch state {
        case .connecting: .connecting
        case .choosing, .lookingUp, .compressing: .choosingImage
        case .sending: .sendingImage
        case .starting: .starting
        case .handedOver: .ready
        case .failed(let stage): stage
        }
    }

    /// Whether it is a Python interpreter that is started.
    var startsPython: Bool { if case .python = firstStage.program { true } else { false } }

    /// Whether nothing will be said any more.
    package var isSettled: Bool {
        switch state {
        case .handedOver, .failed: true
        default: false
        }
    }

    // MARK: What happens

    /// The tool runs the program itself, without a first stage.
    package mutating func startProgram() -> [BootstrapAction] {
        guard state == .connecting else { return [] }
        prompts = nil
        if case .image(let own) = firstStage.program { image = own }
        state = .starting
        return [.configure]
    }

    /// Bytes of the far side's standard output.
    package mutating func receive(output bytes: some Collection<UInt8>) -> [BootstrapAction] {
        guard !isSettled else { return [] }
        output.append(bytes)
        var actions: [BootstrapAction] = []
        while !isSettled, let more = step() { actions += more }
        return actions + answers(to: bytes, on: .output)
    }

    /// Bytes of the tool's standard error, or of its terminal.
    package mutating func receive(diagnostics bytes: some Collection<UInt8>) -> [BootstrapAction] {
        guard !isSettled else { return [] }
        diagnostics.append(bytes)
        while let line = diagnostics.next() { note(line) }
        if diagnostics.rest.count > Self.longestReport { note(diagnostics.takeRest()) }
        return answers(to: bytes, on: .diagnostics)
    }

    /// The far side's standard output has ended.
    package mutating func outputDidEnd() -> [BootstrapAction] {
        outputEnded = true
        return checkEnd()
    }

    /// The tool's standard error has ended.
    package mutating func diagnosticsDidEnd() -> [BootstrapAction] {
        diagnosticsEnded = true
        // Alone it is no news: a shell may close what it does not need.
        return outputEnded || exit != nil ? checkEnd() : []
    }

    /// The tool has ended.
    package mutating func processDidExit(_ exit: BootstrapExit) -> [BootstrapAction] {
        self.exit = exit
        return checkEnd()
    }

    /// Long enough was waited for what else belongs to the end (``BootstrapAction/expectEnd``).
    package mutating func graceDidEnd() -> [BootstrapAction] {
        isSettled ? [] : failAtEnd()
    }

    /// The time for the whole attempt is over.
    package mutating func deadlineDidPass(_ timeout: Duration) -> [BootstrapAction] {
        let doing =
            switch stage {
            case .connecting: "waiting for an answer from the target's shell"
            case .choosingImage: "making the image for the target"
            case .sendingImage: "sending the image"
            case .starting, .ready: "waiting for the program's answer"
            }
        return giveUp(
            .timeoutError,
            "connecting took longer than \(timeout), while \(doing)",
            hint: "the last lines may say what it waits for; allow more time with \(.connectTimeout)"
        )
    }

    /// Something outside has failed: the attempt's failure gets what is known here.
    package mutating func giveUp(
        _ code: MitogenError.Code,
        _ message: String,
        hint: Hint? = nil
    ) -> [BootstrapAction] {
        isSettled ? [] : fail(BootstrapFailure(stage: stage, code: code, message: message, hint: hint))
    }

    // MARK: Images

    /// The image for the platform that was asked for, or nil if there is none.
    ///
    /// - Parameter path: Where a file with it would have been found.
    package mutating func found(_ image: BootstrapImage?, at path: String? = nil) -> [BootstrapAction] {
        guard case .choosing(let offers) = state, let platform else { return [] }
        guard let image else { return fail(.noImage(for: platform, at: path)) }
        guard firstStage.usesCache else {
            state = .compressing(image)
            return [.compress(image, offers)]
        }
        state = .lookingUp(image)
        return [.send(Array((firstStage.lookupLine(for: image) + "\n").utf8))]
    }

    /// The image is there in a form that was asked for. It must be written behind what this says to send.
    package mutating func upload(
        _ compression: ImageCompression,
        byteCount: Int,
        sha256: String
    ) -> [BootstrapAction] {
        guard case .compressing(let image) = state else { return [] }
        self.image = image
        state = .sending
        let line = firstStage.uploadLine(for: image, compression: compression, sha256: sha256)
        return [
            .send(Array("\(line)\n\(byteCount)\n".utf8)), .sendImage(compression, byteCount: byteCount),
        ]
    }

    // MARK: Prompts

    /// Whether the tool may have asked something: it is news, then, that nothing more comes.
    package var mayAsk: Bool { state == .connecting && prompts?.hasUnfinishedLine == true }

    /// Nothing came for a while, see ``PromptMachine/fellSilent(_:isLong:)``.
    package mutating func fellSilent(_ seen: TerminalSight, isLong: Bool) -> [BootstrapAction] {
        guard state == .connecting, let answers = prompts?.fellSilent(seen, isLong: isLong) else { return [] }
        return perform(answers)
    }

    private mutating func answers(to bytes: some Collection<UInt8>, on place: PromptPlace) -> [BootstrapAction] {
        guard place == promptPlace, state == .connecting,
            let answers = prompts?.receive(bytes, hidesInput: hidesInput)
        else { return [] }
        return perform(answers)
    }

    private mutating func perform(_ answers: [PromptMachine.Answer]) -> [BootstrapAction] {
        answers.flatMap { answer -> [BootstrapAction] in
            switch answer {
            case .typePassword:
                // What was said before is for everybody. What is not understood later comes after it.
                transcript.beginAnswer()
                return [.typePassword]
            case .typePassphrase: return [.typePassphrase]
            case .acceptHostKey: return [.acceptHostKey]
            case .fail(let code, let message, let hint): return giveUp(code, message, hint: hint)
            }
        }
    }

    // MARK: The end

    private mutating func checkEnd() -> [BootstrapAction] {
        guard !isSettled else { return [] }
        if outputEnded, diagnosticsEnded, exit != nil { return failAtEnd() }
        defer { expectsEnd = true }
        return expectsEnd ? [] : [.expectEnd]
    }

    private mutating func failAtEnd() -> [BootstrapAction] {
        takeRests()
        if state == .connecting, case .fail(let code, let message, let hint)? = prompts?.toolDidEnd() {
            return giveUp(code, message, hint: hint)
        }
        if state == .connecting, let container,
            let known = ContainerFailure(container.tool, said: transcript.lines)
        {
            return fail(known.failure(container, during: stage))
        }
        var failure = BootstrapFailure.ended(
            stage: stage,
            exit: exit,
            lines: transcript.answer,
            program: firstStage.program,
            noiseSize: noiseSize,
            tool: tool
        )
        if failure.code == .eofError { failure.hint = container?.silentEndHint ?? failure.hint }
        return fail(failure)
    }

    /// What has no line end belongs to what was said, too.
    private mutating func takeRests() {
        while let line = output.next() { noteOutput(line) }
        noiseSize += output.rest.count
        noteOutput(output.takeRest())
        note(diagnostics.takeRest())
    }

    /// A tool's account of what it does is for the log; in an error it would hide what the tool says last.
    private mutating func note(_ line: [UInt8]) {
        if container?.tool == .kubectl, let name = PodContainers.chosen(in: Transcript.printable(line)) {
            chosenPodContainer = name
        }
        if !ByteSearch.begins(line, withOneOf: ignoredStarts) { transcript.append(table?.withoutEcho(line) ?? line) }
    }

    mutating func noteOutput(_ line: [UInt8]) {
        transcript.append(promptPlace == .output ? table?.withoutEcho(line) ?? line : line)
    }

    mutating func fail(_ failure: BootstrapFailure) -> [BootstrapAction] {
        takeRests()
        state = .failed(failure.stage)
        var failure = failure
        failure.lines = transcript.lastLines
        failure.exit = exit
        failure.wasCached = wasCached
        // The image in the cache was executed and said nothing: it may have been damaged there.
        if wasCached, failure.stage == .starting, [.executeError, .wrongArchitecture, .eofError].contains(failure.code)
        {
            failure.retry = .withoutCache
        }
        return [.fail(failure)]
    }

    func tooMuchNoise() -> BootstrapFailure {
        BootstrapFailure(
            stage: stage,
            code: .noMarker,
            message: "the target printed more than 64 KiB and did not run the first stage",
            hint: "silence the login scripts (~/.bashrc, ~/.profile, /etc/profile.d) for sessions without a terminal, "
                + "or remove a forced command"
        )
    }
}
