//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What `mitogen bench` measures, by the names that `--only` takes.
enum BenchmarkPart: String, CaseIterable {
    case calls
    case brokerCalls = "broker-calls"
    case pipelined
    case arguments
    case connect
    case chain
    case fork
    case isolated
    case ssh
    case memory
    case payload

    /// Why there is nothing to measure at a target; nil if there is.
    func objection(to target: TargetSpecification) -> String? {
        switch self {
        case .chain where target.hops.count < 2: "'chain' needs a target of several hops"
        case .ssh where target.hops.last?.kind != HopKind.ssh.name: "'ssh' needs a target whose last hop is ssh"
        default: nil
        }
    }

    /// The parts with these names, or all that there are at the target if no name is given.
    static func parts(named names: [String], at target: TargetSpecification) throws(ArgumentError) -> Set<Self> {
        guard !names.isEmpty else { return Set(Self.allCases.filter { $0.objection(to: target) == nil }) }
        var parts: Set<Self> = []
        for name in names {
            guard let part = Self(rawValue: name) else {
                let known = Self.allCases.map(\.rawValue).joined(separator: ", ")
                throw ArgumentError("--only is one of \(known), not '\(TerminalSanitizer.visible(name))'")
            }
            if let objection = part.objection(to: target) { throw ArgumentError("--only \(objection)") }
            parts.insert(part)
        }
        return parts
    }
}

/// The numbers of repetitions of `mitogen bench`.
struct BenchmarkCounts: Sendable {
    var warmUpCalls = 2000
    var calls = 20_000
    var callsInFlight = 1000
    var warmUpTransfers = 5
    var transfers = 200
    var connections = 15
    var forks = 200

    /// About a tenth of it, for targets that are far away.
    static let quick = BenchmarkCounts(
        warmUpCalls: 200,
        calls: 2000,
        transfers: 20,
        connections: 3,
        forks: 20
    )
}
