//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

extension ContextOptions {
    /// A request for what runs a first stage in a container.
    ///
    /// - Parameters:
    ///   - command: The command line in front of the first stage's words.
    ///   - defaultName: The name of a context that was given none (Mitogen semantics, section 7.1); the tool's and the
    ///     container's by default.
    ///   - change: Changes what is special.
    /// - Throws: ``MitogenError`` with `.misuse` for options that make no sense.
    func request(
        into target: ContainerTarget,
        _ command: [String],
        defaultName: String? = nil,
        _ change: (inout ConnectionTool) -> Void = { _ in }
    ) throws(MitogenError) -> ConnectionRequest {
        let kind = target.isImage ? "an image" : target.tool == .kubectl ? "a pod" : "a container"
        try ContainerName.check(target.name, "the name of \(kind)")
        if let username = target.username { try ContainerName.check(username, "the name of a user") }
        var tool = ConnectionTool(CommandTemplate(command, .words))
        tool.container = target
        change(&tool)
        return try ConnectionRequest(common, defaultName ?? "\(target.tool.rawValue).\(target.name)", .tool(tool))
    }
}
