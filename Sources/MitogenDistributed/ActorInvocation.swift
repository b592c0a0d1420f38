//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Distributed
internal import Mitogen
internal import MitogenPickle

/// A call of an actor's method, as it travels: the actor's token, the method, the types that it is generic over, and
/// its arguments.
struct ActorInvocation {
    let token: String
    let target: String
    let substitutions: [String]
    let arguments: [PickleValue]

    init(token: String, target: String, substitutions: [String], arguments: [PickleValue]) {
        self.token = token
        self.target = target
        self.substitutions = substitutions
        self.arguments = arguments
    }

    var encoded: [UInt8] {
        get throws(PickleError) {
            var writer = PickleWriter(options: .init(bytesStyle: .binary))
            try writer.writeStream(
                .tuple([
                    .string(token), .string(target), .tuple(substitutions.map { .string($0) }), .tuple(arguments),
                ])
            )
            return writer.bytes
        }
    }

    init(decoding data: [UInt8]) throws(MitogenError) {
        let value: PickleValue
        do throws(PickleError) {
            value = try PickleReader.decodeFirst(data)
        } catch {
            throw MitogenError(.streamError, "invalid call of an actor: \(error)")
        }
        guard case .tuple(let parts) = value, parts.count == 4, case .string(let token) = parts[0],
            case .string(let target) = parts[1], case .tuple(let types) = parts[2],
            case .tuple(let arguments) = parts[3]
        else {
            throw MitogenError(.streamError, "invalid call of an actor: it has another form")
        }
        self.token = token
        self.target = target
        substitutions = types.compactMap { if case .string(let name) = $0 { name } else { nil } }
        self.arguments = arguments
        guard substitutions.count == types.count else {
            throw MitogenError(.streamError, "invalid call of an actor: a type is not named")
        }
    }
}
