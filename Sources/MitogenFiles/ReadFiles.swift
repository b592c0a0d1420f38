//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenPickle
internal import MitogenProtocol
internal import Synchronization

/// Reads files and sends them to its caller.
struct ReadFiles: RemoteStream {
    var roots: [[UInt8]]
    var options: FileTransferOptions

    func run(in context: ExternalContext, yield: StreamWriter<FileItem>) async throws {
        let answers = try Receiver<Int>(router: context.router, respondent: context.caller)
        try await yield(.answers(contextID: context.contextID, handle: answers.handle))
        let sink = StreamSink(yield: yield, answers: answers)
        try await FileSource(roots: roots, options: options).send(to: sink)
    }

    /// What the caller answers: from where on it wants the data, or, as a negative number, which entry's it does not.
    static func refusal(of entry: Int) -> Int { -1 - entry }
}

/// Sends items as the values of a stream.
private final class StreamSink: FileSink {
    private let yield: StreamWriter<FileItem>
    private let answers: Receiver<Int>
    private let unwanted = Mutex(-1)

    init(yield: StreamWriter<FileItem>, answers: Receiver<Int>) {
        self.yield = yield
        self.answers = answers
    }

    var hasReaders: Bool { true }

    func wantsData(of entry: Int) -> Bool { unwanted.withLock { $0 < entry } }

    func send(_ item: FileItem) async throws(MitogenError) {
        while !answers.isEmpty { _ = try await answer() }
        try await yield(item)
    }

    func offset(of entry: Int) async throws(MitogenError) -> Int? {
        while wantsData(of: entry) {
            if let offset = try await answer() { return offset }
        }
        return nil
    }

    private func answer() async throws(MitogenError) -> Int? {
        let answer = try await answers.get()
        if answer >= 0 { return answer }
        unwanted.withLock { $0 = max($0, -1 - answer) }
        return nil
    }
}

extension ReadFiles: PickleValueConvertible {
    var pickleValue: PickleValue {
        .tuple([.list(roots.map { .bytes($0) }), options.pickleValue])
    }

    init(pickleValue: PickleValue) throws(PickleError) {
        var fields = try PickleFields(pickleValue)
        roots = []
        for root in try fields.list() {
            guard case .bytes(let path) = root else { throw PickleError(.typeMismatch, "expected a path") }
            roots.append(path)
        }
        options = try FileTransferOptions(pickleValue: fields.value())
    }
}
