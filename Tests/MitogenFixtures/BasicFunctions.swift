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

/// Adds two numbers.
public struct Add: RemoteFunction {
    public var left: Int
    public var right: Int

    public init(_ left: Int, _ right: Int) {
        self.left = left
        self.right = right
    }

    public func run(in context: ExternalContext) async throws -> Int {
        left + right
    }
}

/// The same on the Broker's thread.
public struct AddOnBroker: RemoteFunction {
    public static var runsOnBroker: Bool { true }
    public var left: Int
    public var right: Int

    public init(_ left: Int, _ right: Int) {
        self.left = left
        self.right = right
    }

    public func run(in context: ExternalContext) async throws -> Int {
        left + right
    }
}

/// The process's number.
public struct ProcessID: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws -> Int32 {
        getpid()
    }
}
