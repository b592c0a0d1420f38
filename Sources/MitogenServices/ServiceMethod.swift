//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen
public import MitogenPickle
public import MitogenProtocol

/// A method of a ``Service``: its properties are the arguments.
///
/// A method that throws fails its one request; the pool and the service go on.
public protocol ServiceMethod: Codable, Sendable {
    /// The service that has it.
    associatedtype Host: Service
    /// The result: nothing (`Void`, which need not be named) or something `Codable`. With another type the method does
    /// not conform: it has no ``encode(output:into:)``.
    associatedtype Output: Sendable = Void

    /// What callers name it; its type's name by default.
    static var name: String { get }
    /// Who may call it; ``ServicePolicy/parents`` by default.
    static var policy: ServicePolicy { get }

    /// The body.
    ///
    /// - Parameters:
    ///   - service: The service.
    ///   - request: Who called, and where this is.
    func run(in service: Host, for request: ServiceRequest) async throws -> Output

    /// Writes a result, as part of the answer to a request. Nothing has to be implemented: where ``Output`` is
    /// `Codable` or `Void` it is there.
    ///
    /// - Parameters:
    ///   - output: What ``run(in:for:)`` has returned.
    ///   - writer: Where to write it to.
    /// - Throws: `PickleError` if the result cannot be encoded.
    static func encode(output: Output, into writer: inout PickleWriter) throws(PickleError)
}

extension ServiceMethod {
    public static var name: String { String(describing: Self.self) }
    public static var policy: ServicePolicy { .parents }
}

extension ServiceMethod where Output: Codable {
    public static func encode(output: Output, into writer: inout PickleWriter) throws(PickleError) {
        try PickleEncoder().encode(output, into: &writer)
    }
}

extension ServiceMethod where Output == Void {
    public static func encode(output: Void, into writer: inout PickleWriter) throws(PickleError) {
        try writer.writeNone()
    }
}

/// A request that a service is asked.
public struct ServiceRequest: Sendable {
    /// The router of the service.
    public let router: Router
    /// Where it came from, and with whose authority.
    public let header: MessageHeader

    init(_ message: Message, in router: Router) {
        self.router = router
        header = message.header
    }

    /// The context that has sent it.
    public var caller: Context? { router.context(id: header.srcID) }

    /// Whether it was sent with the authority of this context or one of its ancestors.
    public var hasParentAuthority: Bool {
        header.authID == router.contextID || router.parentIDs.contains(header.authID)
    }
}

/// Who may call a method of a service.
public struct ServicePolicy: Sendable {
    let isAuthorized: @Sendable (ServiceRequest) -> Bool

    /// A policy of your own.
    ///
    /// - Parameter isAuthorized: Decides about a request. It must not block.
    public init(_ isAuthorized: @escaping @Sendable (ServiceRequest) -> Bool) {
        self.isAuthorized = isAuthorized
    }

    /// Everyone whose messages arrive.
    public static let anyone = ServicePolicy { _ in true }
    /// This context and its ancestors.
    public static let parents = ServicePolicy { $0.hasParentAuthority }
    /// This context only.
    public static let own = ServicePolicy { $0.header.authID == $0.router.contextID }
}
