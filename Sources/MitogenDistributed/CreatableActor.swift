//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Distributed
package import Mitogen

/// A distributed actor that can be created in another context.
public protocol CreatableActor: DistributedActor where ActorSystem == MitogenActorSystem {
    /// What the initializer gets.
    associatedtype Arguments: Codable & Sendable

    /// Creates the actor in the context of the actor system.
    init(_ arguments: Arguments, actorSystem: MitogenActorSystem) async throws
}

/// Creates an actor where it runs, and keeps it there.
struct CreateActor<Subject: CreatableActor>: RemoteFunction {
    var arguments: Subject.Arguments

    func run(in context: ExternalContext) async throws -> MitogenActorID {
        let system = try context.router.actorSystem
        let actor = try await Subject(arguments, actorSystem: system)
        system.keep(actor)
        return actor.id
    }
}

/// Lets go of an actor.
struct ReleaseActor: RemoteFunction {
    var id: MitogenActorID

    func run(in context: ExternalContext) async throws {
        try context.router.actorSystem.releaseHere(id)
    }
}

/// Makes the actor system of a context that has got an actor in some other value before it had one of its own. The
/// router finds this type by its name. Nothing refers to it: if it were internal, an optimised program would be without
/// it.
package struct ActorSystemSource: CodingInformationSource {
    package static func prepare(_ router: Router) {
        // Fails only where the router has ended.
        _ = try? router.actorSystem
    }
}
