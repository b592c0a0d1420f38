//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFiles
internal import MitogenProtocol

extension SyncDriver {
    mutating func count() {
        report.deleted = deletions.count
        for change in changes {
            switch change.action {
            case .file: report.files += 1
            case .folder, .symbolicLink, .metadata: report.others += 1
            default: break
            }
        }
    }

    mutating func showConflicts() async throws(MitogenError) {
        for change in changes { try await noteConflict(change) }
    }

    private mutating func noteConflict(_ change: SyncChange) async throws(MitogenError) {
        guard case .conflict(let reason) = change.action else { return }
        let path = FilePath.join(options.destination.bytes, change.entry.path)
        await fail(FileFailure(.isFolder, path, reason).error(in: session.context.name))
    }

    func announceSize() {
        session.progress.addToTotal(
            changes.reduce(0) { total, change in
                guard case .file = change.action else { return total }
                return total + change.entry.size
            }
        )
    }

    /// What others behind the same hop lack as well comes with theirs.
    mutating func shareTransfers() async {
        let whole = changes.filter { change in
            guard case .file = change.action else { return false }
            return change.replaces == nil && change.entry.kind == .regular && !usesDelta(change)
        }
        let brought = await session.share.bring(whole.map(\.entry), to: session.target, session.context)
        guard !brought.isEmpty else { return }
        for change in whole where brought.contains(change.entry.path) { report.sentBytes += change.entry.size }
        let paths = Set(whole.map(\.entry.path)).intersection(brought)
        changes.removeAll { change in
            guard case .file = change.action else { return false }
            return paths.contains(change.entry.path)
        }
    }

    mutating func transfer() async throws(MitogenError) {
        let signed = changes.indices.filter { usesDelta(changes[$0]) }
        var asked = 0
        var done = 0
        var openBytes = 0
        for place in changes.indices {
            while asked < signed.count,
                asked == done || asked - done < Self.mostSignatures && openBytes < Self.mostSignedBytes
            {
                try await send(.sign(path: changes[signed[asked]].entry.path))
                openBytes += changes[signed[asked]].entry.size
                asked += 1
            }
            let change = changes[place]
            self.place = place
            path = change.entry.path
            try await makeRoom(for: change)
            switch change.action {
            case .file where usesDelta(change):
                let signature = try await signature()
                openBytes -= change.entry.size
                done += 1
                try await sendFile(change, signature)
            case .file: try await sendFile(change, nil)
            case .folder, .symbolicLink, .enter: try await sendEntry(change.entry)
            case .metadata where change.entry.kind == .regular: try await send(.adjust(change.entry))
            case .metadata: try await sendEntry(change.entry)
            case .conflict: try await noteConflict(change)
            case .delete, .compare: break
            }
        }
    }

    private func usesDelta(_ change: SyncChange) -> Bool {
        guard case .file(let oldSize?) = change.action, change.replaces == nil, !options.sendsWholeFiles,
            !options.transfer.writesInPlace
        else { return false }
        // What fits into a few packets is there sooner than the signature.
        return oldSize >= 8192 && change.entry.size >= 8192
    }

    private func makeRoom(for change: SyncChange) async throws(MitogenError) {
        guard let kind = change.replaces, change.action != .delete else { return }
        if case .conflict = change.action { return }
        let path = change.entry.path
        switch (kind, change.entry.kind) {
        case (.folder, _): try await send(.remove(path: path, isFolder: true))
        case (_, .folder), (.other, _): try await send(.remove(path: path, isFolder: false))
        default: break
        }
    }

    private mutating func sendEntry(_ entry: FileEntry) async throws(MitogenError) {
        places.append(place)
        try await send(.item(.entry(entry)))
        entryCount += 1
    }

    /// The answer to `.sign`; nil if the file is to be sent whole.
    private mutating func signature() async throws(MitogenError) -> DeltaSignature? {
        var records: [UInt8] = []
        while true {
            switch try await next() {
            case .unsigned: return nil
            case .signature(let size, let piece, let isLast):
                guard let blocks = DeltaBlocks(fileSize: size) else { throw unexpected }
                records += piece
                guard records.count <= blocks.count * blocks.recordSize else { throw unexpected }
                guard isLast else { continue }
                do throws(DeltaError) { return try DeltaSignature(blocks: blocks, records: records) } catch {
                    throw MitogenError(.channelError, "\(error)", context: session.context.name)
                }
            default: throw unexpected
            }
        }
    }

    mutating func sendFile(_ change: SyncChange, _ signature: DeltaSignature?) async throws(MitogenError) {
        let file: FileReader
        do throws(FileFailure) {
            file = try source.open(change.entry.path)
        } catch {
            return await fail(error.error(in: nil))
        }
        var entry = change.entry
        entry.update(from: file)
        try await sendEntry(entry)
        // A hole is no data: it is not compared, and stays one.
        var upload = SyncUpload(file, file.status.hasHoles ? nil : signature)
        session.progress.begin(entry)
        if upload.isDelta { deltas[entryCount - 1] = change }
        while true {
            let steps: [SyncStep]?
            do throws(FileFailure) {
                steps = try upload.next()
            } catch {
                try await send(.item(.broken(error)))
                await fail(error.error(in: nil))
                break
            }
            guard let steps else { break }
            for step in steps { try await send(step) }
            session.progress.add(bytes: upload.takeProgress())
        }
        report.sentBytes += upload.sentBytes
        report.matchedBytes += upload.matchedBytes
    }
}
