//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What a new child is told in its first frame (the counterpart of Mitogen wire protocol, section 5.3).
package struct ChildConfiguration: Codable, Sendable, Hashable {
    /// The names that Python's dictionary has.
    package enum CodingKeys: String, CodingKey {
        case parentIDs = "parent_ids"
        case contextID = "context_id"
        case debug
        case profiling
        case unidirectional
        case maxMessageSize = "max_message_size"
        case logLevel = "log_level"
        case version
        case remoteName = "remote_name"
        case image
        case keepAliveInterval = "keep_alive_interval"
        case keepAliveTimeout = "keep_alive_timeout"
        case ancestors
        case fork
    }

    /// The starting context first, then its ancestors.
    package var parentIDs: [ContextID]
    package var contextID: ContextID
    package var debug: Bool
    package var profiling: Bool
    package var unidirectional: Bool
    package var maxMessageSize: Int
    /// What is logged below this level is not passed on; Python's numbers.
    package var logLevel: Int
    package var version: String
    package var remoteName: String
    /// The identity of the image that the parent has sent or started.
    package var image: String
    /// After how many seconds of silence its children are asked whether they are there; nil for never.
    package var keepAliveInterval: Double?
    /// After how many seconds of silence its children count as gone.
    package var keepAliveTimeout: Double?
    /// What the ancestors understand.
    package var ancestors: [RouteInfo]
    /// What a forked process does first; nil for one that was not forked.
    package var fork: ForkSetup?

    package init(
        parentIDs: [ContextID],
        contextID: ContextID,
        debug: Bool,
        profiling: Bool,
        unidirectional: Bool,
        maxMessageSize: Int,
        logLevel: Int,
        version: String,
        remoteName: String,
        image: String,
        keepAliveInterval: Double? = nil,
        keepAliveTimeout: Double? = nil,
        ancestors: [RouteInfo],
        fork: ForkSetup? = nil
    ) {
        self.parentIDs = parentIDs
        self.contextID = contextID
        self.debug = debug
        self.profiling = profiling
        self.unidirectional = unidirectional
        self.maxMessageSize = maxMessageSize
        self.logLevel = logLevel
        self.version = version
        self.remoteName = remoteName
        self.image = image
        self.keepAliveInterval = keepAliveInterval
        self.keepAliveTimeout = keepAliveTimeout
        self.ancestors = ancestors
        self.fork = fork
    }
}

/// What a new child answers in its first frame.
package struct ChildGreeting: Codable, Sendable, Hashable {
    /// The identity of the image that runs.
    package var image: String
    package var version: String
    package var pid: Int32
    package var revision: Int
    package var capabilities: UInt32

    package init(image: String, version: String, pid: Int32, info: PeerInfo) {
        self.image = image
        self.version = version
        self.pid = pid
        revision = info.revision
        capabilities = info.capabilities
    }

    package var info: PeerInfo { PeerInfo(revision: revision, capabilities: capabilities) }
}
