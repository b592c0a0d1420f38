//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// How a router behaves; fixed when it is made.
public struct RouterConfiguration: Sendable {
    /// Messages from one context to another are only passed on if one of the two is an ancestor of this router's
    /// context (Mitogen wire protocol, section 4.6). Contexts inherit it. False by default.
    public var isUnidirectional = false
    /// The largest message in bytes, header not counted; 128 MiB by default, at least 4 KiB, which the library's own
    /// messages need. Contexts inherit it.
    public var maxMessageSize = 128 << 20 {
        didSet { maxMessageSize = min(max(maxMessageSize, 4096), Int(UInt32.max)) }
    }
    /// The program that contexts run; this very program by default.
    public var image: RouterConfiguration.Image = .currentProgram
    /// Supplies images for other platforms than this program's own; none by default. See <doc:OtherPlatforms>.
    public var payloadProvider: (any PayloadProvider)?
    /// How images travel where the target can undo it, else the next best way; ``ImageCompression/gzip`` by default.
    /// xz sends a quarter less and takes longer to make and to undo: it pays on links below about 50 Mbit/s
    /// (<doc:OtherPlatforms> has the figures). Contexts that make connections for others use gzip.
    public var imageCompression = ImageCompression.gzip
    /// How long a shutdown waits for what still goes on; 5 s by default, 3 s in a child. Used only by a router that
    /// makes its own Broker.
    public var shutdownTimeout: Duration = .seconds(5)
    /// After how long without a byte from a direct child, at least a second, that is asked whether it is still there;
    /// nil, the default, for never. Contexts inherit it for their own children. It is what `ServerAliveInterval` is to
    /// ssh, and works through every kind of connection. Children that run another implementation are not asked.
    public var keepAliveInterval: Duration? {
        didSet { keepAliveInterval = keepAliveInterval.map { max($0, .seconds(1)) } }
    }
    /// After how long without a byte a child that does not answer is given up: its connection is closed, and everything
    /// that waits for it, or for what it leads to, ends with `.channelError`. 45 s by default, at least twice
    /// ``keepAliveInterval``, without which it means nothing.
    public var keepAliveTimeout: Duration = .seconds(45)
    /// How many connections are made at the same time; 64 by default.
    public var maxConcurrentConnections = 64
    /// What contexts log is passed on from this level up (Python's numbers: 10 debug, 20 info, 30 warning, 40 error).
    /// By default the level of ``Mitogen/Mitogen/bootstrapLogging(path:level:logsMessages:)`` when a context is
    /// started; 20 where that was not called.
    public var forwardedLogLevel: Int {
        get { ownForwardedLogLevel ?? LogOutput.shared.pythonLevel ?? 20 }
        set { ownForwardedLogLevel = newValue }
    }

    /// Whether the router measures from its beginning, and contexts that are started; see
    /// ``Router/isProfilingEnabled``. False by default.
    public var isProfilingEnabled = false

    private var ownForwardedLogLevel: Int?
    /// How long large messages wait for another that does not get on.
    package var stallLimit: Duration = .seconds(60)
    /// How many bytes from elsewhere may wait for one stream.
    package var mostQueued = 256 << 20

    public init() {}
}

extension RouterConfiguration {
    /// The program that a context runs.
    public enum Image: Sendable, Hashable {
        /// The program that runs now.
        case currentProgram
        /// Another static executable, by its path.
        case file(String)
    }
}
