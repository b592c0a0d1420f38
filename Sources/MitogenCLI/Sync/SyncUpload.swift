//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenFiles
internal import MitogenProtocol

/// Reads a file and makes the steps that bring it to a target: operations on what the target has, or all of it.
struct SyncUpload {
    private static let pieceSize = 128 << 10

    private var file: FileReader
    private var digest = ContentDigest()
    private var matcher: DeltaMatcher?
    private var isFinished = false
    private(set) var sentBytes = 0

    /// - Parameter signature: Of the target's file; nil to send everything.
    init(_ file: FileReader, _ signature: DeltaSignature?) {
        self.file = file
        matcher = signature.map { DeltaMatcher(signature: $0, hash: DeltaBlockHashes.sha256) }
    }

    private var countedBytes = 0

    /// How many more bytes of the file are read since the last time.
    mutating func takeProgress() -> Int {
        defer { countedBytes = file.offset }
        return file.offset - countedBytes
    }

    var isDelta: Bool { matcher != nil }
    var matchedBytes: Int { matcher?.matchedBytes ?? 0 }

    /// The next steps, which may be none yet; nil after the last ones.
    mutating func next() throws(FileFailure) -> [SyncStep]? {
        guard !isFinished else { return nil }
        let offset = file.offset
        guard let item = try file.next() else {
            isFinished = true
            matcher?.finish()
            return operations(atLeast: 1) + [.item(.end(digest: digest.finish()))]
        }
        switch item {
        case .data(let bytes):
            digest.update(bytes)
            guard matcher != nil else {
                sentBytes += bytes.count
                return [.item(item)]
            }
            bytes.withUnsafeBufferPointer { matcher?.feed($0) }
            return operations(atLeast: Self.pieceSize)
        case .hole(let count):
            digest.skip(from: offset, count: count)
            return [.item(item)]
        default: return []
        }
    }

    private mutating func operations(atLeast count: Int) -> [SyncStep] {
        guard let operations = matcher?.takeOperations(atLeast: count) else { return [] }
        sentBytes += operations.count
        return [.patch(operations)]
    }
}
