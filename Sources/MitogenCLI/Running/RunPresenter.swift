//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen

/// Shows what happens during a run, one thing after the other, on a task of its own.
///
/// Writing waits for whoever reads the output. Only the task that writes waits for that without end: whoever hands in
/// something waits until it is shown, which slows a command down to the speed of the reader, but stops waiting when
/// its own task is cancelled. So a command can be ended although nobody reads what it wrote.
final class RunPresenter: Sendable {
    /// Something to show.
    enum Item: Sendable {
        case event(RunEvent)
        case tick
        case interruption
        case note(String)
        case question(String)
        case answer
    }

    private struct Entry: Sendable {
        let item: Item
        let isShown = OneShot<Void>()
    }

    /// Whether output must be collected and come with the report of its target.
    let wantsCapturedOutput: Bool
    private let hasProgressLine: Bool
    private let entries: AsyncStream<Entry>.Continuation
    private let task: Task<OutputError?, Never>

    /// - Parameter whenFailed: Called when the output cannot be written; nothing is written after that.
    init(_ display: RunDisplay<DescriptorSink>, whenFailed: @escaping @Sendable () -> Void) {
        let (entries, continuation) = AsyncStream.makeStream(of: Entry.self)
        self.wantsCapturedOutput = display.wantsCapturedOutput
        self.hasProgressLine = display.hasProgressLine
        self.entries = continuation
        // Unstructured, because it is to outlive the tasks that are cancelled when the run is interrupted.
        self.task = Task(executorPreference: FunctionExecutor.shared) {
            await Self.show(entries, on: display, whenFailed)
        }
    }

    /// Shows an event.
    func show(_ event: RunEvent) async {
        await self.show(.event(event))
    }

    /// Says that the run was interrupted; does not wait.
    func noteInterruption() {
        self.entries.yield(Entry(item: .interruption))
    }

    /// Says something in words of the tool itself.
    func note(_ message: String) async {
        await self.show(.note(message))
    }

    /// Shows a question, behind which nothing is drawn until the answer is noted.
    func ask(_ question: String) async {
        await self.show(.question(question))
    }

    /// Says that the question was answered.
    func noteAnswer() async {
        await self.show(.answer)
    }

    /// Keeps the progress line up to date until the task is cancelled.
    func showProgress() async {
        while self.hasProgressLine, !Task.isCancelled {
            await self.show(.tick)
            try? await Task.sleep(for: ProgressLine.interval)
        }
    }

    /// Waits until everything is shown.
    ///
    /// - Returns: Why that was not possible.
    func finish() async -> OutputError? {
        self.entries.yield(Entry(item: .event(.ended)))
        self.entries.finish()
        return await self.task.value
    }

    private func show(_ item: Item) async {
        let entry = Entry(item: item)
        self.entries.yield(entry)
        // It only fails when this task is cancelled, and then there is nothing more to wait for.
        try? await entry.isShown.value()
    }

    private static func show(
        _ entries: AsyncStream<Entry>,
        on display: RunDisplay<DescriptorSink>,
        _ whenFailed: () -> Void
    ) async -> OutputError? {
        var display = display
        var failure: OutputError?
        let clock = ContinuousClock()
        let start = clock.now
        for await entry in entries {
            if failure == nil {
                do throws(OutputError) {
                    try self.show(entry.item, on: &display, at: start.duration(to: clock.now))
                } catch {
                    failure = error
                    whenFailed()
                }
            }
            entry.isShown.resolve(.success(()))
        }
        return failure
    }

    private static func show(
        _ item: Item,
        on display: inout RunDisplay<DescriptorSink>,
        at elapsed: Duration
    ) throws(OutputError) {
        switch item {
        case .event(let event): try display.handle(event, at: elapsed)
        case .tick: try display.tick(at: elapsed)
        case .interruption: try display.noteInterruption()
        case .note(let message): try display.note(message)
        case .question(let question): try display.ask(question)
        case .answer: display.noteAnswer()
        }
    }
}
