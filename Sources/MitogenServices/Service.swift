//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen

/// An object whose methods other contexts call by name (Mitogen wire protocol, section 8.1).
///
/// ```swift
/// actor Stock: Service {
///     static let methods: [any ServiceMethod.Type] = [Reserve.self]
///     var left = 10
///     func take(_ count: Int) throws -> Int { … }
/// }
///
/// struct Reserve: ServiceMethod {
///     static let policy = ServicePolicy.anyone
///     var count: Int
///     func run(in stock: Stock, for request: ServiceRequest) async throws -> Int { try await stock.take(count) }
/// }
///
/// try router.services.add(Stock())
/// ```
public protocol Service: AnyObject, Sendable {
    /// What callers name it; its type's name with the module by default.
    static var name: String { get }
    /// The methods that can be called: there are no others.
    static var methods: [any ServiceMethod.Type] { get }
    /// Which of its requests run, and when; ``ServiceOrdering/concurrent`` by default.
    static var ordering: ServiceOrdering { get }

    /// Called once, when the pool ends: when its router does, or the context is asked to. Nothing by default.
    ///
    /// The requests have been cancelled and have ended before, if that took no longer than half of the time that a Broker
    /// takes at most to end (``Broker/shutdownTimeout``); no other comes after it. The end of the router waits for it,
    /// for the rest of that time. It is not called in a context that loses its parent, which ends at once.
    func shutdown() async
}

extension Service {
    public static var name: String { String(reflecting: Self.self) }
    public static var ordering: ServiceOrdering { .concurrent }

    public func shutdown() async {}
}

/// A service that is made when it is called for the first time, by a context with parental authority.
public protocol ActivatableService: Service {
    /// Makes the service.
    init(router: Router) async throws
}

/// Which requests of a service run, and which at the same time.
public enum ServiceOrdering: Sendable, Hashable {
    /// All, as far as the pool has room.
    case concurrent
    /// One after the other, in the order in which they have arrived.
    case serial
    /// All, as far as the pool has room, but of those with the same method and equal arguments only one.
    ///
    /// The others wait, without a place in the pool, and get what that one comes to, its error as well. Every request
    /// must be allowed by the method's policy; the method sees the first one. A result is also the answer to equal
    /// requests that come later, as long as the service lives; errors are not kept. When there are more than 1,000
    /// results, or 16 MiB of them with their requests, the oldest are forgotten.
    ///
    /// A run has no deadline, and is cancelled when nobody waits for it any more.
    case deduplicating
}
