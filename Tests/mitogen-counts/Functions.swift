//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenProtocol

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Gives back its argument.
struct Echo: RemoteFunction {
    var value: Int

    func run(in context: ExternalContext) async throws -> Int { value }
}

/// Registers a handle that answers everyone.
struct AnswerRequests: RemoteFunction {
    func run(in context: ExternalContext) async throws -> UInt32 {
        let router = context.router
        return try router.addHandler { message in try? message.reply(1, through: router) }
    }
}

/// Sends requests to such a handle, one after the other.
struct SendRequests: RemoteFunction {
    var count: Int
    var context: Context
    var handle: UInt32

    func run(in context: ExternalContext) async throws -> Int {
        var sum = 0
        for _ in 0..<count { sum += try await self.context.request(Message(handle: handle), as: Int.self) }
        return sum
    }
}

/// Takes bytes and gives back how many.
struct Size: RemoteFunction {
    var bytes: [UInt8]

    func run(in context: ExternalContext) async throws -> Int { bytes.count }
}

/// What a tool is told that installs a service.
struct Options: RemoteFunction {
    var name = "nginx"
    var state = "started"
    var isEnabled = true
    var paths = ["/etc/nginx/nginx.conf", "/etc/nginx/conf.d"]
    var environment = ["LANG": "C.UTF-8", "TZ": "UTC"]
    var timeout: Double? = 30

    func run(in context: ExternalContext) async throws -> Int { paths.count }
}

/// Sends the numbers from 0 on to a receiver.
struct Send: RemoteFunction {
    var count: Int
    var sender: Sender<Int>

    func run(in context: ExternalContext) async throws {
        for number in 0..<count { try await sender.send(number) }
        sender.close()
    }
}

/// Streams the numbers from 0 on.
struct Numbers: RemoteStream {
    var count: Int

    func run(in context: ExternalContext, yield: StreamWriter<Int>) async throws {
        for number in 0..<count { try await yield(number) }
    }
}

struct ProcessNumber: RemoteFunction {
    func run(in context: ExternalContext) async throws -> Int32 { getpid() }
}
