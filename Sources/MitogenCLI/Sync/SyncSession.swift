//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFiles
internal import MitogenProtocol

/// Synchronises one target. It blocks while it reads files.
struct SyncSession: Sendable {
    let source: SyncSource
    let options: SyncOptions
    let context: Context
    let target: Int
    let share: SyncShare
    let progress: TransferProgress
    let show: @Sendable (SyncNews) async -> Void

    /// - Returns: What has become of it, and why not more.
    func run() async -> (SyncReport, MitogenError?) {
        let replies = SyncReplies()
        let function = SyncFiles(
            destination: options.destination.bytes,
            isFolder: source.needsFolder(options),
            options: options.transfer
        )
        let events = context.stream(function, window: 4 << 20)
        return await withTaskGroup(of: Void.self) { group in
            group.addTask { await replies.follow(events) }
            var driver = SyncDriver(self, replies)
            var failure: MitogenError?
            do throws(MitogenError) { try await driver.perform() } catch { failure = await driver.cause(of: error) }
            // What the target still does for this ends with it.
            group.cancelAll()
            await group.waitForAll()
            return (driver.report, failure)
        }
    }
}
