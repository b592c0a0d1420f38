//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen
internal import MitogenProtocol

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Runs on the main actor; tells whether that is the process's main thread.
public struct OnMainActor: RemoteFunction {
    public init() {}

    @MainActor
    public func run(in context: ExternalContext) async throws -> Bool {
        MainActor.assertIsolated()
        let pid = getpid()
        return linkTarget("/proc/thread-self") == "\(pid)/task/\(pid)"
    }
}

/// Counts in an actor that lives as long as the process.
public struct CountInActor: RemoteFunction {
    private actor Tally {
        static let shared = Tally()
        var total = 0

        func add(_ amount: Int) -> Int {
            total += amount
            return total
        }
    }

    public var amount: Int

    public init(_ amount: Int) {
        self.amount = amount
    }

    public func run(in context: ExternalContext) async throws -> Int {
        await Tally.shared.add(amount)
    }
}

/// A number of the system's generator.
public struct RandomNumber: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws -> UInt64 { UInt64.random(in: .min ... .max) }
}
