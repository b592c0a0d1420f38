//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenPickle
internal import MitogenProtocol

/// A request as it travels: the service, the method, the arguments by name, and, towards peers that understand it, what
/// else there is to say.
struct ServiceCall: Sendable {
    let service: String
    let method: String
    let arguments: PickleValue
    let options: CallOptions

    /// What it is called in messages.
    var name: String { "\(service).\(method)" }

    init(decoding data: [UInt8]) throws(MitogenError) {
        guard case .tuple(let parts)? = try? PickleReader.decodeFirst(data, limits: .fitting(data)),
            3...4 ~= parts.count,
            case .string(let service) = parts[0], case .string(let method) = parts[1]
        else { throw MitogenError(.callError, "Invalid message format.") }
        switch parts[2] {
        case .dictionary(let items), .keywordArguments(let items): arguments = .dictionary(items)
        default: throw MitogenError(.callError, "Invalid message format.")
        }
        self.service = service
        self.method = method
        guard parts.count == 4 else {
            options = CallOptions()
            return
        }
        guard case .dictionary(let items) = parts[3] else { throw MitogenError(.callError, "Invalid message format.") }
        options = CallOptions(items)
    }

    /// The data of a request by name.
    static func encode(
        service: String,
        method: String,
        _ arguments: PickleDictionary,
        _ options: CallOptions
    ) throws(MitogenError) -> [UInt8] {
        do throws(PickleError) {
            var writer = PickleWriter(options: .init(bytesStyle: .python))
            var parts: [PickleValue] = [.string(service), .string(method), .dictionary(arguments)]
            if !options.isEmpty { parts.append(.dictionary(options.items)) }
            try writer.writeStream(.tuple(parts))
            return writer.bytes
        } catch {
            throw MitogenError(.unencodable, "cannot encode the arguments of \(service).\(method): \(error)")
        }
    }

    static func encode<Method: ServiceMethod>(
        _ method: Method,
        _ options: CallOptions = CallOptions()
    ) throws(MitogenError) -> [UInt8] {
        do throws(PickleError) {
            var writer = PickleWriter(options: .init(bytesStyle: .python), capacity: 256)
            try writer.beginStream()
            try writer.beginTuple(count: options.isEmpty ? 3 : 4)
            try writer.write(Method.Host.name)
            try writer.write(Method.name)
            try PickleEncoder().encode(method, into: &writer)
            if !options.isEmpty { try writer.write(.dictionary(options.items)) }
            try writer.endContainer()
            try writer.endStream()
            return writer.bytes
        } catch {
            throw MitogenError(.unencodable, "cannot encode the arguments of \(Method.name): \(error)")
        }
    }
}

/// A method whose callers get no result, though they leave a place for one: the Python implementation's end at a result
/// that comes before they have closed it.
protocol UnansweredMethod: ServiceMethod {}

extension ServiceMethod {
    /// Decodes the method, runs it, and encodes what it returns: nothing at all for an ``UnansweredMethod``.
    static func answer(
        _ arguments: PickleValue,
        of service: any Service,
        _ request: ServiceRequest
    ) async throws -> [UInt8] {
        guard let service = service as? Host else {
            throw MitogenError(.callError, "No such method: '\(name)'")
        }
        let method: Self
        do throws(PickleError) {
            method = try request.router.decoder.decode(Self.self, from: arguments)
        } catch {
            throw MitogenError(.callError, "the arguments of \(name) do not fit: \(error)")
        }
        let output = try await method.run(in: service, for: request)
        if Self.self is any UnansweredMethod.Type { return [] }
        return try encodeResult(of: name, .init(bytesStyle: .python)) { (writer) throws(PickleError) in
            try encode(output: output, into: &writer)
        }
    }
}
