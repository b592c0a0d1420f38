//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import Synchronization

/// The services of this program that are made when they are called for the first time.
final class ServiceTable: Sendable {
    static let shared = ServiceTable()

    private let types = Mutex<[String: any ActivatableService.Type]>([:])

    func type(named name: String) -> (any ActivatableService.Type)? {
        types.withLock { $0[name] }
    }

    func register(_ type: any ActivatableService.Type) {
        types.withLock { $0[type.name] = type }
    }
}

/// Makes the pool of a context, and a service known that it may make.
struct PrepareService<Host: ActivatableService>: RemoteFunction {
    func run(in context: ExternalContext) async throws {
        ServiceTable.shared.register(Host.self)
        try await context.router.services.activate(Host.self)
    }
}

extension ServicePool {
    /// Makes a service of this program known, which is made when it is called for the first time.
    ///
    /// That is for callers that cannot do it themselves: those that have no authority here to call functions, and other
    /// programs. A context above that calls a method by its type makes the service known, if it has to.
    public static func register<Known: ActivatableService>(_ type: Known.Type) {
        ServiceTable.shared.register(type)
    }
}
