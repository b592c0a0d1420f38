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

/// An error of a program.
public struct OutOfStock: Error, Codable, Equatable, CustomStringConvertible {
    public let item: String

    public init(item: String) {
        self.item = item
    }

    public var description: String { "no \(item) left" }
}

/// Throws ``OutOfStock``.
public struct Buy: RemoteFunction {
    public var item: String

    public init(_ item: String) {
        self.item = item
    }

    public func run(in context: ExternalContext) async throws {
        throw OutOfStock(item: item)
    }
}

/// Throws ``OutOfStock`` in the last of many contexts that call each other.
public struct BuyThrough: RemoteFunction {
    public var contexts: [Context]
    public var item: String

    public init(_ contexts: [Context], _ item: String) {
        self.contexts = contexts
        self.item = item
    }

    public func run(in context: ExternalContext) async throws {
        guard let next = contexts.first else { throw OutOfStock(item: item) }
        try await next.call(BuyThrough(Array(contexts.dropFirst()), item))
    }
}

/// Throws an error of the library.
public struct FailWithPasswordError: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws {
        throw MitogenError(.passwordError, "the password was wrong", hint: "try another")
    }
}

/// Throws the error that tells cancellation, without having been cancelled.
public struct FailWithCancellation: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws {
        throw CancellationError()
    }
}

/// Throws an error with a very long text.
public struct FailAtLength: RemoteFunction {
    public var length: Int

    public init(_ length: Int) {
        self.length = length
    }

    public func run(in context: ExternalContext) async throws {
        throw OutOfStock(item: String(repeating: "ä", count: length))
    }
}

/// Ends the process in one of many ways.
public struct Crash: RemoteFunction {
    public enum Way: String, Codable, Sendable, CaseIterable {
        case fatalError
        case indexOutOfRange
        case overflow
        case stackOverflow
        case badPointer
        case abort
        case kill
        case exit3
        case exit0
    }

    public var way: Way

    public init(_ way: Way) {
        self.way = way
    }

    public func run(in context: ExternalContext) async throws {
        switch way {
        case .fatalError: Swift.fatalError("the fixture was told to")
        case .indexOutOfRange: _ = CommandLine.arguments[Int(getpid())]
        case .overflow: _ = Int8(truncatingIfNeeded: getpid() | 1) * Int8.max * Int8.max * Int8.max
        case .stackOverflow: _ = Self.descend(Int(getpid()))
        case .badPointer: UnsafeMutablePointer<Int>(bitPattern: 8)?.pointee = 1
        case .abort: Glibc.abort()
        case .kill: Glibc.kill(getpid(), SIGKILL)
        case .exit3: Glibc.exit(3)
        case .exit0: Glibc.exit(0)
        }
        while true { usleep(1000) }
    }

    @inline(never)
    private static func descend(_ depth: Int) -> Int {
        if depth == 0 { return 1 }
        return depth ^ descend(depth &+ 1)
    }
}
