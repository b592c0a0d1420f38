//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Distributed
internal import Mitogen
internal import MitogenPickle
internal import MitogenProtocol

/// Collects the arguments of a call of an actor's method. The compiler uses it.
public struct ActorInvocationEncoder: DistributedTargetInvocationEncoder, Sendable {
    public typealias SerializationRequirement = any Codable

    private(set) var substitutions: [String] = []
    private(set) var arguments: [PickleValue] = []

    init() {}

    public mutating func recordGenericSubstitution<T>(_ type: T.Type) throws {
        guard let name = _mangledTypeName(type), FunctionName.isValid(name), _typeByName(name) == type else {
            throw MitogenError(
                .unencodable,
                "\(String(reflecting: type)) cannot be found by its name in another context",
                hint: "make it internal or public, and move it out of functions"
            )
        }
        substitutions.append(name)
    }

    public mutating func recordArgument<Value: Codable>(_ argument: RemoteCallArgument<Value>) throws {
        do throws(PickleError) {
            let bytes = try PickleEncoder(options: .init(bytesStyle: .binary)).encode(argument.value)
            arguments.append(try PickleReader.decodeFirst(bytes))
        } catch {
            throw MitogenError(.unencodable, "cannot encode the argument \(argument.effectiveLabel): \(error)")
        }
    }

    public mutating func recordErrorType<E: Error>(_ type: E.Type) throws {}

    public mutating func recordReturnType<R: Codable>(_ type: R.Type) throws {}

    public mutating func doneRecording() throws {}
}

/// Hands out the arguments of a call of an actor's method. The compiler uses it.
public struct ActorInvocationDecoder: DistributedTargetInvocationDecoder {
    public typealias SerializationRequirement = any Codable

    private let invocation: ActorInvocation
    private let system: MitogenActorSystem
    private var next = 0

    init(_ invocation: ActorInvocation, in system: MitogenActorSystem) {
        self.invocation = invocation
        self.system = system
    }

    public mutating func decodeGenericSubstitutions() throws -> [any Any.Type] {
        // Asked for if the method is generic only.
        guard !invocation.substitutions.isEmpty else {
            throw MitogenError(.callError, "the call does not name the types that the method is generic over")
        }
        let types: [any Any.Type] = try invocation.substitutions.map { name in
            // The name comes from outside, and the runtime's demangler can be crashed by names.
            guard FunctionName.isValid(name), let type = _typeByName(name), _mangledTypeName(type) == name else {
                throw MitogenError(.unknownFunction, "this program has no type \(name.prefix(200).debugDescription)")
            }
            return type
        }
        // The runtime takes as many as the method has, without a look at how many there are.
        let rest: [any Any.Type] = Array(repeating: NoType.self, count: ActorInvocation.maximumSubstitutions)
        return types + rest
    }

    /// Stands for a type that a call does not name. It conforms to nothing.
    private struct NoType {}

    public mutating func decodeNextArgument<Argument: Codable>() throws -> Argument {
        guard next < invocation.arguments.count else {
            throw MitogenError(.callError, "the call has only \(next) arguments")
        }
        defer { next += 1 }
        return try system.decode(Argument.self, from: invocation.arguments[next], "argument \(next + 1)")
    }

    public mutating func decodeErrorType() throws -> (any Any.Type)? { nil }

    public mutating func decodeReturnType() throws -> (any Any.Type)? { nil }
}

/// Takes what an actor's method returns or throws. The compiler uses it.
public struct ActorResultHandler: DistributedTargetInvocationResultHandler, Sendable {
    public typealias SerializationRequirement = any Codable

    /// Where the result goes: the handler itself is a constant for the runtime.
    let result: ActorResult

    public func onReturn<Success: Codable>(value: Success) async throws {
        do throws(PickleError) {
            result.set(.success(try PickleEncoder(options: .init(bytesStyle: .binary)).encode(value)))
        } catch {
            result.set(.failure(MitogenError(.unencodable, "the result cannot be encoded: \(error)")))
        }
    }

    public func onReturnVoid() async throws {
        result.set(.success(try PickleEncoder().encode(Int?.none)))
    }

    public func onThrow<Err: Error>(error: Err) async throws {
        result.set(.failure(error))
    }
}
