//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen
internal import Synchronization

/// How often the steps of each chain have run in this process.
private let steps = Mutex<[String: Int]>([:])

/// One call of a chain: tells how many have run before it.
public struct Step: RemoteFunction {
    public var key: String
    public var fails: Bool
    /// Whether it is the last one: nothing is kept after it.
    public var ends: Bool

    public func run(in context: ExternalContext) async throws -> Int {
        let before = steps.withLock { steps in
            let before = steps[key, default: 0]
            steps[key] = ends ? nil : before + 1
            return before
        }
        if fails { throw OutOfStock(item: "step \(before)") }
        return before
    }
}

/// What a context holds when nobody wants anything of it.
public struct TakeStock: RemoteFunction {
    public struct Report: Codable, Sendable, Equatable {
        public var requests: [String]
        public var handlers: [String]
        public var descriptors: [String]
        /// Functions that run besides this one.
        public var functions: [String]
    }

    public init() {}

    public func run(in context: ExternalContext) async throws -> Report {
        // What the runtime opens for timers on first use stays.
        try await Task.sleep(for: .milliseconds(1))
        return Report(of: context.router, without: "TakeStock")
    }
}

extension TakeStock.Report {
    init(of router: Router, without own: String = "") {
        let dump = router.dump()
        let all = dump.functions.map(\.name)
        let descriptors = directoryEntries("/proc/self/fd").map { linkTarget("/proc/self/fd/\($0)") }
        self.init(
            requests: dump.requests.map { $0.function ?? "a request to \($0.contextID ?? 0)" },
            handlers: dump.handlers.map(\.name).sorted(),
            // The folder itself, and the timers of libdispatch, which it makes when it likes.
            descriptors: descriptors.filter {
                !$0.hasSuffix("/fd") && !$0.contains("/task/") && $0 != "anon_inode:[timerfd]"
            }
            .map { $0.hasPrefix("anon_inode") ? $0 : String($0.prefix { $0 != ":" }) }.sorted(),
            functions: all.filter { own.isEmpty || !$0.hasSuffix(own) }
        )
    }
}
