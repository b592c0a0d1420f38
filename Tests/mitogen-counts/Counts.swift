//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenPickle
internal import MitogenProtocol

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// The work whose instructions, allocations and system calls `scripts/bench-counts` counts: `mitogen-counts WORK COUNT`.
///
/// It writes the process identifiers of the contexts, so that the counts of each can be told apart.
@main
struct Counts: MitogenProgram {
    /// By its path: under valgrind `/proc/self/exe` is valgrind's own program.
    static var configuration: RouterConfiguration {
        var configuration = RouterConfiguration()
        configuration.image = .file(CommandLine.arguments[0])
        return configuration
    }

    static func main(router: Router) async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 3, let work = Work(rawValue: arguments[1]), let count = Int(arguments[2]) else {
            throw MitogenError(.misuse, "usage: mitogen-counts \(Work.allCases.map(\.rawValue)) COUNT")
        }
        try await work.perform(count, router)
    }
}

enum Work: String, CaseIterable {
    case call, calls, hop, values, stream, argument, encode, decode

    private static let callsInFlight = 1000

    func perform(_ count: Int, _ router: Router) async throws {
        switch self {
        case .call:
            let child = try await connect(router, as: "callee")
            for number in 0..<count { try check(await child.call(Echo(value: number)), number) }
        case .calls: try await self.calls(count, of: try await connect(router, as: "callee"))
        case .hop:
            // From one child to the other, so that this process is between them.
            let child = try await connect(router, as: "callee")
            let other = try await router.local()
            tell("other", try await other.call(ProcessNumber()))
            let handle = try await child.call(AnswerRequests())
            try check(await other.call(SendRequests(count: count, context: child, handle: handle)), count)
        case .values: try await self.values(count, from: try await connect(router, as: "callee"), router)
        case .stream:
            let child = try await connect(router, as: "callee")
            var next = 0
            for try await number in child.stream(Numbers(count: count)) {
                try check(number, next)
                next += 1
            }
            try check(next, count)
        case .argument:
            let child = try await connect(router, as: "callee")
            let bytes = [UInt8](repeating: 0x5a, count: 1 << 20)
            for _ in 0..<count { try check(await child.call(Size(bytes: bytes)), bytes.count) }
        case .encode:
            tell("caller", getpid())
            for _ in 0..<count { for request in requests { try check(encoded(request).first == 0x80 ? 1 : 0, 1) } }
        case .decode:
            tell("caller", getpid())
            let data = try requests.map { try encoded($0) }
            for _ in 0..<count {
                for data in data { try check(CallRequest(decoding: data).arguments.count, 1) }
            }
        }
    }

    private func connect(_ router: Router, as role: String) async throws -> Context {
        tell(self == .hop ? "relay" : "caller", getpid())
        let context = try await router.local()
        tell(role, try await context.call(ProcessNumber()))
        return context
    }

    private func calls(_ count: Int, of child: Context) async throws {
        var pending: [PendingCall<Int>] = []
        pending.reserveCapacity(count)
        for number in 0..<count {
            let oldest = number - Self.callsInFlight
            if oldest >= 0 { try check(await pending[oldest].get(), oldest) }
            pending.append(try child.startCall(Echo(value: number)))
        }
        for number in max(0, count - Self.callsInFlight)..<count { try check(await pending[number].get(), number) }
    }

    private func values(_ count: Int, from child: Context, _ router: Router) async throws {
        let receiver = try Receiver<Int>(router: router)
        async let sent: Void = child.call(Send(count: count, sender: receiver.makeSender()))
        var next = 0
        for try await number in receiver {
            try check(number, next)
            next += 1
        }
        try await sent
        try check(next, count)
    }
}

/// Typical requests: no more than a number; the options of a tool; a small file.
private let requests: [any Encodable & Sendable] = [
    Echo(value: 42), Options(), Size(bytes: .init(repeating: 7, count: 2048)),
]

private func encoded(_ request: any Encodable) throws -> [UInt8] {
    try CallRequest.encode(request, named: "14mitogen_counts4EchoV", options: .init())
}

private func tell(_ role: String, _ pid: Int32) {
    let line = "\(role) \(pid)\n"
    _ = line.withCString { write(STDOUT_FILENO, $0, line.utf8.count) }
}

private func check(_ result: Int, _ expected: Int) throws {
    guard result == expected else { throw MitogenError(.streamError, "\(result) instead of \(expected)") }
}
