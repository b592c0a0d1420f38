//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What an isolated call may use, see ``CallIsolation``. What is not given is not limited further.
public struct ProcessLimits: Sendable, Hashable, Codable {
    /// Seconds of processor time, over all threads; at least 1. Then the process is ended by SIGXCPU, or a second later by
    /// SIGKILL.
    public var processorSeconds: Int?
    /// Bytes of memory that the process may have in addition to what it begins with, which includes 32 MiB for the stacks of
    /// its threads; at least 1 MiB. A function that allocates more crashes.
    public var memory: Int?
    /// How many files may be open, those included that the process has itself (about 15); at least 32.
    public var openFiles: Int?
    /// The nice value, from -20 to 19; only root may take one that is less than that of the fork server.
    public var nice: Int?

    public init(processorSeconds: Int? = nil, memory: Int? = nil, openFiles: Int? = nil, nice: Int? = nil) {
        self.processorSeconds = processorSeconds
        self.memory = memory
        self.openFiles = openFiles
        self.nice = nice
    }

    /// - Throws: ``MitogenError`` with `.misuse` for limits that make no sense.
    package func validate() throws(MitogenError) {
        func check(_ value: Int?, _ range: ClosedRange<Int>, _ name: String) throws(MitogenError) {
            guard let value, !range.contains(value) else { return }
            throw MitogenError(
                .misuse,
                "\(name) must be from \(range.lowerBound) to \(range.upperBound), not \(value)"
            )
        }
        try check(processorSeconds, 1...1_000_000_000, "processorSeconds")
        try check(memory, 1 << 20...1 << 50, "memory")
        try check(openFiles, 32...1 << 30, "openFiles")
        try check(nice, -20...19, "nice")
    }
}
