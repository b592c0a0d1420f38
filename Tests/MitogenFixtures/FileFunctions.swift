//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen
internal import MitogenPickle
internal import MitogenProtocol
internal import MitogenServices

/// Gets a file from the service of another context.
public struct GetFile: RemoteFunction {
    var path: ByteString
    var source: Context
    var destination: ByteString

    public init(_ path: String, from source: Context, to destination: String) {
        self.path = ByteString(path)
        self.source = source
        self.destination = ByteString(destination)
    }

    public func run(in context: ExternalContext) async throws -> Int {
        try await FileService.get(path, from: source, to: destination).size
    }
}

/// Waits for a file that an ancestor sends.
public struct AwaitFile: RemoteFunction {
    var path: ByteString

    public init(_ path: String) {
        self.path = ByteString(path)
    }

    public func run(in context: ExternalContext) async throws -> [UInt8] {
        try await context.router.pushFileService.get(path, timeout: .seconds(10))
    }
}

/// Asks for files as Python's client does, and acknowledges what it likes.
private struct RawFileClient {
    let context: ExternalContext
    let source: Context

    private func message(_ method: String, _ arguments: PickleDictionary) throws -> Message {
        let request = PickleValue.tuple([
            .string("mitogen.service.FileService"), .string(method), .keywordArguments(arguments),
        ])
        return Message(
            handle: StandardHandle.callService,
            encoding: .pickle,
            data: try PickleEncoder().encode(request)
        )
    }

    func fetch(_ path: String) async throws -> (MessageReceiver, answer: PickleValue) {
        let receiver = try MessageReceiver(router: context.router, respondent: source)
        let sender = Sender<PickleValue>(to: context.router.myself(), handle: receiver.handle)
        let request = try message("fetch", ["path": .string(path), "sender": sender.pickleValue])
        return (receiver, try await source.request(request, timeout: .seconds(10)).unpickle())
    }

    func acknowledge(_ size: Int) throws {
        try source.send(try message("acknowledge", ["size": .int(size)]))
    }
}

/// Asks for a file, acknowledges nothing of it, and tells how much comes.
public struct HoardFile: RemoteFunction {
    var path: String
    var source: Context
    /// One that is taken before, and acknowledged many times, with more bytes than there are.
    var first: String?

    public init(_ path: String, from source: Context, after first: String? = nil) {
        self.path = path
        self.source = source
        self.first = first
    }

    public func run(in context: ExternalContext) async throws -> [Int] {
        let client = RawFileClient(context: context, source: source)
        if let first {
            let (receiver, _) = try await client.fetch(first)
            _ = try await receiver.get(timeout: .seconds(10))
            for _ in 0..<100 { try client.acknowledge(1 << 62) }
            _ = try await receiver.get(timeout: .seconds(10), throwsDead: false)
            try await Task.sleep(for: .milliseconds(500))
        }
        let (receiver, answer) = try await client.fetch(path)
        guard case .dictionary(let metadata) = answer, case .int(let size)? = metadata["size"],
            metadata["owner"] != nil, case .float? = metadata["mtime"]
        else { return [] }
        var (total, largest) = (0, 0)
        while let piece = try? await receiver.get(timeout: .milliseconds(500)) {
            total += piece.data.count
            largest = max(largest, piece.data.count)
        }
        return [size, total, largest]
    }
}

/// Asks for a file again and again, takes nothing of it, and tells the first refusal with how many were granted.
public struct CrowdFiles: RemoteFunction {
    var path: String
    var count: Int
    var source: Context

    public init(_ path: String, _ count: Int, from source: Context) {
        self.path = path
        self.count = count
        self.source = source
    }

    public func run(in context: ExternalContext) async throws -> String {
        let client = RawFileClient(context: context, source: source)
        var receivers: [MessageReceiver] = []
        for number in 0..<count {
            do {
                let (receiver, answer) = try await client.fetch(path)
                receivers.append(receiver)
                if case .dictionary = answer { continue }
                return "\(number) \(answer)"
            } catch {
                return "\(number) \(error)"
            }
        }
        return "all \(receivers.count)"
    }
}

/// Takes the items of a transfer, and tells first which handle they come to and then how many bytes it has.
public struct TakeSlowly: RemoteStream {
    var bytesPerSecond: Int

    public init(bytesPerSecond: Int) {
        self.bytesPerSecond = bytesPerSecond
    }

    public func run(in context: ExternalContext, yield: StreamWriter<Int>) async throws {
        let receiver = try Receiver<FileItem>(router: context.router, respondent: context.caller)
        try await yield(Int(receiver.handle))
        var total = 0
        while true {
            switch try await receiver.get() {
            case .data(let bytes):
                try await Task.sleep(for: .seconds(1) * bytes.count / bytesPerSecond)
                total += bytes.count
                try await yield(total)
            case .finished: return
            default: continue
            }
        }
    }
}
