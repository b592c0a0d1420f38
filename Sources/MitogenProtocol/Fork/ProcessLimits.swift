//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What an isolated call may use, see ``CallIsolation``. What is not given is not limited further; what is above the hard
/// limit of the context is refused, with `.notPermitted`.
public struct ProcessLimits: Sendable, Hashable, Codable {
    /// The time on processors, over all threads; at least 1 s, and counted in whole seconds, rounded up. Then the process is
    /// ended by SIGXCPU, or a second later by SIGKILL.
    public var processorTime: Duration?
    /// Bytes of memory that the process may have in addition to what it begins with, which includes 32 MiB for the stacks of
    /// its threads; at least 1 MiB. A function that allocates more crashes.
    public var memory: Int?
    /// How many files may be open, those included that the process has itself (about 15); at least 32.
    public var openFiles: Int?
    /// The nice value, from -20 to 19; only root may take one that is less than that of the fork server.
    public var nice: Int?

    public init(processorTime: Duration? = nil, memory: Int? = nil, openFiles: Int? = nil, nice: Int? = nil) {
        self.processorTime = processorTime
        self.memory = memory
        self.openFiles = openFiles
        self.nice = nice
    }

    /// - Throws: ``MitogenError`` with `.misuse` for limits that make no sense.
    package func validate() throws(MitogenError) {
        if let processorTime, processorTime < .seconds(1) || processorTime > .seconds(1_000_000_000) {
            throw MitogenError(.misuse, "processorTime must be from 1 to 1000000000 s, not \(processorTime)")
        }
        func check(_ value: Int?, _ range: ClosedRange<Int>, _ name: String) throws(MitogenError) {
            guard let value, !range.contains(value) else { return }
            throw MitogenError(
                .misuse,
                "\(name) must be from \(range.lowerBound) to \(range.upperBound), not \(value)"
            )
        }
        try check(memory, 1 << 20...1 << 50, "memory")
        try check(openFiles, 32...1 << 30, "openFiles")
        try check(nice, -20...19, "nice")
    }
}
