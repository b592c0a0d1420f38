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
        if let known = types.withLock({ $0[name] }) { return known }
        return nil
    }

    func register(_ type: any ActivatableService.Type) {
        types.withLock { $0[type.name] = type }
    }
}

/// Makes the pool of a context, and a service known that it may make.
struct PrepareService<Host: ActivatableService>: RemoteFunction {
    func run(in context: ExternalContext) async throws {
        ServiceTable.shared.register(Host.self)
        _ = try ServicePool.of(context.router)
    }
}

extension ServicePool {
    /// Makes a service known that is made when it is called for the first time by name, from another program. Callers
    /// that know its type need no registration.
    public static func register<Known: ActivatableService>(_ type: Known.Type) {
        ServiceTable.shared.register(type)
    }
}
