//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

/// How a context is to be reached. It can be sent to the context that makes the connection.
///
/// It says what to do, and not which method or options led to it: the code of those stays with whoever chooses them,
/// and no payload carries it.
package struct ConnectionRequest: Sendable, Codable {
    enum Way: Sendable, Codable {
        /// Another process of this program, here.
        case program
        case tool(ConnectionTool)
        case namespaces(NamespaceTarget)
        /// A copy of a fork server here.
        case fork(ForkTarget)
    }

    var common: CommonOptions
    /// The name of a context that was given none (Mitogen semantics, section 7.1).
    var defaultName: String
    var way: Way

    /// - Throws: ``MitogenError`` with `.misuse` for common options that make no sense.
    init(_ common: CommonOptions, _ defaultName: String, _ way: Way) throws(MitogenError) {
        try common.validate()
        self.common = common
        self.defaultName = defaultName
        self.way = way
    }

    /// Bytes that are equal for equal requests of the same program.
    ///
    /// - Throws: ``MitogenError`` with `.unencodable`.
    package func canonicalBytes() throws(MitogenError) -> [UInt8] { try Message.pickled(self).data }

    /// The context's name, where the process that is started here has this number.
    func name(pid: Int32 = 0) -> String {
        if let name = common.name { return name }
        switch way {
        case .program, .fork: return "\(defaultName).\(pid)"
        // Without a tool in front of it the process is the context's own.
        case .tool(let tool) where tool.command.before.isEmpty: return "\(defaultName).\(pid)"
        case .tool, .namespaces: return defaultName
        }
    }
}
