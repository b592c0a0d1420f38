//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Why a message goes no further.
///
/// A hostile peer can send a million such messages a second, so the text is only put together for someone who reads it.
package enum Refusal: Sendable {
    /// One of the fixed texts of ``DeadReason``, or one that a test compares with.
    case reason(String)
    case noRoute(to: ContextID, from: ContextID)
    case unidirectional(from: ContextID, to: ContextID, via: ContextID)
    case tooLarge(maximum: Int)
    /// `via` is nil for a stream that is closed.
    case badAuthority(ContextID, via: ContextID?)
    case badSource(ContextID, via: ContextID?)
}

extension Refusal: CustomStringConvertible {
    /// The text that a dead message gives as its reason.
    package var description: String {
        switch self {
        case .reason(let text): text
        case .noRoute(let id, let own): DeadReason.noRoute(to: id, from: own)
        case .unidirectional(let ingress, let egress, let own):
            DeadReason.unidirectional(from: ingress, to: egress, via: own)
        case .tooLarge(let maximum): DeadReason.tooLarge(maximum: maximum)
        case .badAuthority(let id, let via): "bad auth_id: got \(id) via \(Self.name(via))"
        case .badSource(let id, let via): "bad src_id: got \(id) via \(Self.name(via))"
        }
    }

    private static func name(_ via: ContextID?) -> String {
        via.map { "context \($0)" } ?? "a closed stream"
    }
}

extension Refusal: Equatable, ExpressibleByStringLiteral {
    package init(stringLiteral text: String) {
        self = .reason(text)
    }

    /// Equal if they say the same.
    package static func == (left: Refusal, right: Refusal) -> Bool {
        left.description == right.description
    }
}
