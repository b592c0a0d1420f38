//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen

/// Shows what happens during a transfer, one thing after the other, on a task of its own: writing waits for whoever reads
/// the output, and transfers do not.
final class TransferPresenter: Sendable {
    private let news: AsyncStream<TransferNews>.Continuation
    private let task: Task<OutputError?, Never>
    let showsProgress: Bool

    /// - Parameter whenFailed: Called when the output cannot be written; nothing is written after that.
    init(_ display: TransferDisplay<DescriptorSink>, whenFailed: @escaping @Sendable () -> Void) {
        let (stream, continuation) = AsyncStream.makeStream(of: TransferNews.self)
        self.news = continuation
        self.showsProgress = display.showsProgress
        // Unstructured, because it is to outlive the tasks that are cancelled when the transfer is interrupted.
        self.task = Task(executorPreference: FunctionExecutor.shared) {
            var display = display
            let clock = ContinuousClock()
            let start = clock.now
            var failure: OutputError?
            for await news in stream where failure == nil {
                do throws(OutputError) {
                    try display.show(news, at: start.duration(to: clock.now))
                } catch {
                    failure = error
                    whenFailed()
                }
            }
            return failure
        }
    }

    func show(_ news: TransferNews) {
        self.news.yield(news)
    }

    /// Waits until everything is shown.
    ///
    /// - Returns: Why that was not possible.
    func finish() async -> OutputError? {
        self.news.yield(.ended)
        self.news.finish()
        return await self.task.value
    }
}
