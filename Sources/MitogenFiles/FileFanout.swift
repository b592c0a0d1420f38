//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenProtocol

/// Sends the items of a transfer to several contexts at the speed of the slowest. One that is gone, or takes nothing
/// for too long, drops out, and the others go on.
struct FileFanout: FileSink {
    private let links: [TransferLink]
    private let router: Router
    private let parameters: ReceiveFiles

    /// - Parameter parameters: What the contexts are told; their own plan is filled in.
    init(_ plans: [TransferPlan], in router: Router, _ parameters: ReceiveFiles) {
        self.router = router
        self.parameters = parameters
        links = plans.compactMap { plan in
            router.context(id: plan.contextID).map { TransferLink(plan, to: $0, patience: parameters.patience) }
        }
    }

    /// Starts the writers, sends them what `feed` sends, and waits until they have ended.
    ///
    /// - Parameter report: Called with what the writers tell, from several tasks at the same time.
    /// - Throws: What `feed` throws.
    func run(
        report: @escaping @Sendable (TransferEvent) async -> Void,
        feed: () async throws(MitogenError) -> Void
    ) async throws(MitogenError) {
        let result = await withTaskGroup(of: Void.self) { group -> Result<Void, MitogenError> in
            for link in links {
                var function = parameters
                function.plan = link.plan
                group.addTask { [function] in await link.follow(function, report) }
            }
            do throws(MitogenError) {
                for link in links { try await link.waitUntilReady(on: router.broker) }
                try await feed()
            } catch {
                group.cancelAll()
                await group.waitForAll()
                return .failure(error)
            }
            let timers = links.map { $0.expectEnd(on: router.broker) }
            await group.waitForAll()
            for timer in timers { timer?.cancel() }
            return .success(())
        }
        try result.get()
    }

    // MARK: FileSink

    var hasReaders: Bool { links.contains { !$0.isGone } }

    func wantsData(of entry: Int) -> Bool { links.contains { $0.wantsData(of: entry) } }

    func send(_ item: FileItem) async throws(MitogenError) {
        try await forEachLink { (link) async throws(MitogenError) in try await link.send(item) }
    }

    func offset(of entry: Int) async throws(MitogenError) -> Int? {
        var least: Int?
        for link in links {
            guard let offset = try await link.offset(on: router.broker) else { continue }
            least = min(least ?? offset, offset)
        }
        return least
    }

    private func forEachLink(
        _ body: @escaping @Sendable (TransferLink) async throws(MitogenError) -> Void
    ) async throws(MitogenError) {
        let live = links.filter { !$0.isGone }
        guard live.count > 1 else {
            if let link = live.first { try await body(link) }
            return
        }
        let failure = await withTaskGroup(of: MitogenError?.self) { group in
            for link in live {
                group.addTask {
                    do throws(MitogenError) {
                        try await body(link)
                        return nil
                    } catch {
                        return error
                    }
                }
            }
            return await group.reduce(nil) { $0 ?? $1 }
        }
        if let failure { throw failure }
    }
}
