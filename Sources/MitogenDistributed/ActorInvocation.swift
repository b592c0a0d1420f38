//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Distributed
internal import Mitogen
internal import MitogenPickle
internal import MitogenProtocol

/// A call of an actor's method, as it travels: the actor's token, the method, the types that it is generic over, and
/// its arguments; towards peers that understand it, also how long it may take.
struct ActorInvocation: Sendable {
    /// More types than any method is generic over.
    static let maximumSubstitutions = 32

    let token: String
    let target: String
    let substitutions: [String]
    let arguments: [PickleValue]
    let options: CallOptions

    init(
        token: String,
        target: String,
        substitutions: [String],
        arguments: [PickleValue],
        options: CallOptions = CallOptions()
    ) {
        self.token = token
        self.target = target
        self.substitutions = substitutions
        self.arguments = arguments
        self.options = options
    }

    var encoded: [UInt8] {
        get throws(PickleError) {
            var writer = PickleWriter(options: .init(bytesStyle: .binary))
            var parts: [PickleValue] = [
                .string(token), .string(target), .tuple(substitutions.map { .string($0) }), .tuple(arguments),
            ]
            if !options.isEmpty { parts.append(.dictionary(options.items)) }
            try writer.writeStream(.tuple(parts))
            return writer.bytes
        }
    }

    init(decoding data: [UInt8]) throws(MitogenError) {
        let value: PickleValue
        do throws(PickleError) {
            value = try PickleReader.decodeFirst(data, limits: .fitting(data))
        } catch {
            throw MitogenError(.streamError, "invalid call of an actor: \(error)")
        }
        guard case .tuple(let parts) = value, 4...5 ~= parts.count, case .string(let token) = parts[0],
            case .string(let target) = parts[1], case .tuple(let types) = parts[2],
            case .tuple(let arguments) = parts[3]
        else {
            throw MitogenError(.streamError, "invalid call of an actor: it has another form")
        }
        self.token = token
        self.target = target
        substitutions = types.compactMap { if case .string(let name) = $0 { name } else { nil } }
        self.arguments = arguments
        if parts.count == 5, case .dictionary(let items) = parts[4] {
            options = CallOptions(items)
        } else {
            options = CallOptions()
        }
        guard substitutions.count == types.count, types.count <= Self.maximumSubstitutions else {
            throw MitogenError(.streamError, "invalid call of an actor: its types are not named, or too many")
        }
    }
}
