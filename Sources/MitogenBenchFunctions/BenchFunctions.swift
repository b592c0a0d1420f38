//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Gives back its argument: what a call costs that does nothing.
public struct BenchEcho: RemoteFunction {
    public var value: Int

    public init(_ value: Int) {
        self.value = value
    }

    public func run(in context: ExternalContext) async throws -> Int {
        self.value
    }
}

/// The same on the Broker's thread of the context.
public struct BenchEchoOnBroker: RemoteFunction {
    public static var runsOnBroker: Bool { true }
    public var value: Int

    public init(_ value: Int) {
        self.value = value
    }

    public func run(in context: ExternalContext) async throws -> Int {
        self.value
    }
}

/// Takes bytes and gives back how many.
public struct BenchSink: RemoteFunction {
    public var bytes: [UInt8]

    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    public func run(in context: ExternalContext) async throws -> Int {
        self.bytes.count
    }
}

/// The number of the context's process.
public struct BenchProcessID: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws -> Int32 {
        getpid()
    }
}
