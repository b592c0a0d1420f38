//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenPickle
internal import MitogenProtocol

/// Writes the files that its caller sends, or passes them on to contexts below, or both.
struct ReceiveFiles: RemoteStream {
    var destination: [UInt8]
    /// Whether the destination has to be a folder; see ``FileDestination``.
    var isFolder: Bool
    var options: FileTransferOptions
    /// How long a context below may take nothing before it is given up.
    var patience: Duration?
    var plan = TransferPlan(contextID: 0)

    func run(in context: ExternalContext, yield: StreamWriter<TransferEvent>) async throws {
        if plan.children.isEmpty, let target = plan.target {
            try await write(for: target, in: context, yield)
        } else {
            try await passOn(in: context, yield)
        }
    }

    // MARK: Writing

    private func write(
        for target: Int,
        in context: ExternalContext,
        _ yield: StreamWriter<TransferEvent>
    ) async throws {
        let writer: TreeWriter
        do throws(FileFailure) {
            writer = try TreeWriter(path: destination, isFolder: isFolder, options: options)
        } catch {
            return try await yield(.lost(target: target, error))
        }
        let receiver = try Receiver<FileItem>(router: context.router, respondent: context.caller)
        try await yield(.ready(handle: receiver.handle))
        var unwanted = -1
        while true {
            let item = try await receiver.get()
            let outcome = writer.take(item)
            for failure in writer.takeFolderFailures() { try await yield(.failed(target: target, failure)) }
            switch outcome {
            case .none, .sourceFailed: break
            case .offset(let offset): try await yield(.offset(offset))
            case .finished(let counts): return try await yield(.done(target: target, counts))
            case .failed(let failure) where failure.isFatal:
                return try await yield(.lost(target: target, failure))
            case .failed(let failure): try await yield(.failed(target: target, failure))
            }
            guard item.isAboutContent, !writer.wantsData, unwanted < writer.entryNumber else { continue }
            unwanted = writer.entryNumber
            try await yield(.unwanted(unwanted))
        }
    }

    // MARK: Passing on

    private func passOn(in context: ExternalContext, _ yield: StreamWriter<TransferEvent>) async throws {
        var plans = plan.children
        // What is written here is a target like the others: it must not hold them up.
        if let target = plan.target {
            plans.append(TransferPlan(contextID: context.contextID, target: target))
        }
        let fanout = FileFanout(plans, in: context.router, self)
        let receiver = try Receiver<FileItem>(router: context.router, respondent: context.caller)
        try await fanout.run { event in
            // Only fails when the caller is gone, which ends this function.
            try? await yield(event)
        } feed: { () async throws(MitogenError) in
            try await yield(.ready(handle: receiver.handle))
            try await pass(receiver, to: fanout, yield)
        }
    }

    private func pass(
        _ receiver: Receiver<FileItem>,
        to fanout: FileFanout,
        _ yield: StreamWriter<TransferEvent>
    ) async throws(MitogenError) {
        var (entry, unwanted) = (-1, -1)
        while fanout.hasReaders {
            let item = try await receiver.get()
            try await fanout.send(item)
            switch item {
            case .finished: return
            case .entry(let value):
                entry += 1
                if value.digest != nil, let offset = try await fanout.offset(of: entry) {
                    try await yield(.offset(offset))
                }
            default: break
            }
            guard item.isAboutContent, !fanout.wantsData(of: entry), unwanted < entry else { continue }
            unwanted = entry
            try await yield(.unwanted(entry))
        }
    }
}

extension FileItem {
    /// Whether more of a file's content can follow.
    fileprivate var isAboutContent: Bool {
        switch self {
        case .entry(let entry): entry.kind == .regular
        case .data, .hole, .start: true
        default: false
        }
    }
}

extension ReceiveFiles: PickleValueConvertible {
    var pickleValue: PickleValue {
        .tuple([
            .bytes(destination), .bool(isFolder), options.pickleValue,
            patience.map { .int(Int($0.components.seconds)) } ?? .none, plan.pickleValue,
        ])
    }

    init(pickleValue: PickleValue) throws(PickleError) {
        var fields = try PickleFields(pickleValue)
        destination = try fields.bytes()
        isFolder = try fields.bool()
        options = try FileTransferOptions(pickleValue: fields.value())
        if case .int(let seconds) = try fields.value() { patience = .seconds(seconds) }
        plan = try TransferPlan(pickleValue: fields.value())
    }
}
