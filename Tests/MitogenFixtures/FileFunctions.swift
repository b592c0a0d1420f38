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

/// Asks for a file as Python's client does, acknowledges nothing, and tells how much comes.
public struct HoardFile: RemoteFunction {
    var path: String
    var source: Context

    public init(_ path: String, from source: Context) {
        self.path = path
        self.source = source
    }

    public func run(in context: ExternalContext) async throws -> [Int] {
        let receiver = try MessageReceiver(router: context.router, respondent: source)
        let sender = Sender<PickleValue>(to: context.router.myself(), handle: receiver.handle)
        let arguments: PickleDictionary = ["path": .string(path), "sender": sender.pickleValue]
        let request = PickleValue.tuple([
            .string("mitogen.service.FileService"), .string("fetch"), .keywordArguments(arguments),
        ])
        let data = try PickleEncoder().encode(request)
        let message = Message(handle: StandardHandle.callService, encoding: .pickle, data: data)
        let answer = try await source.request(message, timeout: .seconds(10))
        guard case .dictionary(let metadata) = try answer.unpickle(), case .int(let size)? = metadata["size"],
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
