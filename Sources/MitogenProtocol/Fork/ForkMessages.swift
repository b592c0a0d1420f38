//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// A function by its type's name, with its encoded properties: on its way to the process that runs it.
package struct NamedFunction: Sendable, Hashable, Codable {
    package var name: String
    package var properties: [UInt8]

    package init(name: String, properties: [UInt8]) {
        self.name = name
        self.properties = properties
    }

    /// What a function's properties may take, so that a forked process's first frame stays small.
    package static let sizeLimit = 256 << 10
}

/// What a fork server is told in its first frame.
package struct ForkServerSetup: Sendable, Hashable, Codable {
    package var version: String
    /// The context that has started it, then its ancestors.
    package var parentIDs: [ContextID]
    /// What it runs once, before it forks.
    package var preload: NamedFunction?

    package init(version: String, parentIDs: [ContextID], preload: NamedFunction?) {
        self.version = version
        self.parentIDs = parentIDs
        self.preload = preload
    }
}

/// What a forked process does before it answers calls.
package struct ForkSetup: Sendable, Hashable, Codable {
    /// Runs first of all, while there is one thread.
    package var onFork: NamedFunction?
    /// Runs before the first call, with the context.
    package var onStart: NamedFunction?
    package var limits: ProcessLimits

    package init(onFork: NamedFunction? = nil, onStart: NamedFunction? = nil, limits: ProcessLimits = .init()) {
        self.onFork = onFork
        self.onStart = onStart
        self.limits = limits
    }
}

/// What a fork server answers to a request.
///
/// The process's number or, if there is none, a negative error number and what is to be said about it.
package enum ForkAnswer: Sendable, Hashable {
    case forked(Int32)
    case refused(Int32, String)

    package static let longestText = 4096

    package var bytes: [UInt8] {
        switch self {
        case .forked(let pid): return Self.bytes(of: UInt32(bitPattern: pid)) + [0, 0]
        case .refused(let error, let text):
            let text = Array(text.utf8.prefix(Self.longestText))
            let count = UInt16(text.count)
            return Self.bytes(of: UInt32(bitPattern: min(-1, error))) + [UInt8(count & 0xff), UInt8(count >> 8)] + text
        }
    }

    /// Takes the first answer from what has been received; nil while it is not complete.
    package init?(takingFrom bytes: inout [UInt8]) {
        guard bytes.count >= 6 else { return nil }
        let number = bytes[..<4].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        let count = Int(bytes[4]) | Int(bytes[5]) << 8
        guard bytes.count >= 6 + count else { return nil }
        let text = String(decoding: bytes[6..<6 + count], as: UTF8.self)
        bytes.removeFirst(6 + count)
        let result = Int32(bitPattern: number)
        self = result > 0 ? .forked(result) : .refused(result, text)
    }

    private static func bytes(of number: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
    }
}
