//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen
internal import MitogenProtocol

/// What the process of a context is: for `mitogen tree`.
public struct DescribeProcess: RemoteFunction {
    public struct Report: Codable, Sendable {
        public var processID: Int32
        public var user: String
        public var host: String
        /// The memory that it occupies, in bytes; nil where `/proc` does not tell.
        public var residentMemory: Int64?
        public var version: String
        public var revision: Int
        public var capabilities: UInt32

        /// The process that asks.
        public static var here: Report {
            Report(
                processID: ProcessIdentity.processID,
                user: ProcessIdentity.userName,
                host: ProcessIdentity.hostName,
                residentMemory: ProcessIdentity.residentMemory,
                version: Mitogen.version,
                revision: PeerInfo.current.revision,
                capabilities: PeerInfo.current.capabilities
            )
        }
    }

    public init() {}

    public func run(in context: ExternalContext) async throws -> Report {
        .here
    }
}
