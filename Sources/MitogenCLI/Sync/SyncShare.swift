//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFiles
internal import MitogenProtocol
internal import Synchronization

/// Sends files that several targets behind one hop lack to all of them at once, so that they cross the hop once.
///
/// The targets are waited for until all are compared, but none is waited for longer than ``patience`` once another is.
/// Where a shared transfer fails in any way, the target gets the files by itself, and its failures are told then.
final class SyncShare: Sendable {
    private struct Member: Sendable {
        let context: Context
        let wanted: [FileEntry]
        let brought = OneShot<Set<[UInt8]>>()
    }

    private struct Group {
        /// The targets that may still come.
        var awaited: Set<Int>
        var members: [Member] = []
        var hasBegun = false

        /// The members, if it is time to begin.
        mutating func begin(isTime: Bool = false) -> [Member] {
            guard !hasBegun, isTime || awaited.isEmpty else { return [] }
            hasBegun = true
            return members
        }
    }

    /// How long one that is compared waits for the others.
    private static let patience = Duration.seconds(10)
    /// Less is sent to each target by itself.
    private static let leastBytes = 256 << 10

    private let source: SyncSource
    private let options: SyncOptions
    private let progress: TransferProgress
    private let groups: Mutex<[Group]>
    private let groupOf: [Int: Int]

    /// - Parameters:
    ///   - groups: The targets that have a hop in common.
    ///   - progress: How far all targets together are.
    init(_ groups: [[Int]], _ source: SyncSource, _ options: SyncOptions, _ progress: TransferProgress) {
        self.source = source
        self.options = options
        self.progress = progress
        self.groups = Mutex(groups.map { Group(awaited: Set($0)) })
        var groupOf: [Int: Int] = [:]
        for (number, group) in groups.enumerated() { for target in group { groupOf[target] = number } }
        self.groupOf = groupOf
    }

    /// Brings files to a target, those that others want as well.
    ///
    /// - Returns: The paths of those that are there now.
    func bring(_ wanted: [FileEntry], to target: Int, _ context: Context) async -> Set<[UInt8]> {
        // A small amount is not worth waiting for the others.
        guard let number = groupOf[target], wanted.reduce(0, { $0 + $1.size }) >= Self.leastBytes else {
            await leave(target)
            return []
        }
        let member = Member(context: context, wanted: wanted)
        let (isLate, ready) = groups.withLock { groups -> (Bool, [Member]) in
            groups[number].awaited.remove(target)
            guard !groups[number].hasBegun else { return (true, []) }
            groups[number].members.append(member)
            return (false, groups[number].begin())
        }
        guard !isLate else { return [] }
        await push(to: ready)
        if let broker = context.router?.broker {
            // The others may take longer to send than to compare, so only the start is bounded.
            _ = try? await member.brought.value(within: Self.patience, on: broker, "the others are not compared")
            await push(to: groups.withLock { $0[number].begin(isTime: true) })
        }
        return (try? await member.brought.value()) ?? []
    }

    /// A target takes no part, or no part any more.
    func leave(_ target: Int) async {
        guard let number = groupOf[target] else { return }
        let ready = groups.withLock { groups in
            groups[number].awaited.remove(target) == nil ? [] : groups[number].begin()
        }
        await push(to: ready)
    }

    private func push(to members: [Member]) async {
        var brought = members.map { _ in Set<[UInt8]>() }
        for (receivers, files) in shares(of: members) {
            var push = FilePush([], to: options.destination)
            push.options = options.transfer
            push.progress = TransferProgress(partOf: progress, weight: receivers.count)
            push.listing = source.listing(of: files, options)
            guard let reports = try? await push.run(on: receivers.map { members[$0].context }) else { continue }
            for (receiver, report) in zip(receivers, reports) where report.isComplete && report.failures.isEmpty {
                brought[receiver].formUnion(files.map(\.path))
            }
        }
        for (member, paths) in zip(members, brought) { member.brought.resolve(.success(paths)) }
    }

    /// The files that the same ones of the members want, where they are several and the files worth it.
    private func shares(of members: [Member]) -> [(receivers: [Int], files: [FileEntry])] {
        var receivers: [[UInt8]: [Int]] = [:]
        var files: [[UInt8]: FileEntry] = [:]
        for (number, member) in members.enumerated() {
            for file in member.wanted {
                receivers[file.path, default: []].append(number)
                files[file.path] = file
            }
        }
        var shares: [[Int]: [FileEntry]] = [:]
        for (path, numbers) in receivers where numbers.count > 1 {
            if let file = files[path] { shares[numbers, default: []].append(file) }
        }
        return shares.filter { $0.value.reduce(0) { $0 + $1.size } >= Self.leastBytes }
            .map { ($0.key, $0.value) }
            .sorted { $0.receivers.count > $1.receivers.count }
    }
}
