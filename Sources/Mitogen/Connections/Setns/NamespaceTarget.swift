//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

/// A container that is entered by its namespaces.
struct NamespaceTarget: Sendable, Codable {
    var container: ContainerTarget
    var username: String
    var group: String?
    /// What tells its first process, if it is not the usual program.
    var toolPath: String?

    var program: String { toolPath ?? ContainerLeader.program(container.tool) }
}
