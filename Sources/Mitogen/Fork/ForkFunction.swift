//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

/// A function without result for a fork server or a forked process (the API document's `on_fork`).
///
/// It is found by its type's name, as a ``RemoteFunction`` is, so the type must be `internal` or `public`; its properties
/// travel with it and may take 256 KiB. It runs while the process has one thread, so it is synchronous, and must not start
/// one: no `Task`, no dispatch queue.
///
/// ```swift
/// struct LoadModel: ForkFunction {
///     var path: String
///     func run() throws { model.set(try Model(path)) }
/// }
/// let worker = try await router.fork(preload: LoadModel(path: "/srv/model"))
/// ```
public protocol ForkFunction: Codable, Sendable {
    /// The body. What it throws ends the process that runs it, and is in the error of whoever waits.
    func run() throws
}

/// What a forked process runs before it answers calls (the API document's `on_start`).
///
/// It is found and sent as a ``ForkFunction`` is. It runs on the main thread, when the context is connected; calls wait
/// until it has returned, which makes it the place for a main function of its own.
public protocol ForkStartFunction: Codable, Sendable {
    /// The body. What it throws ends the context, with status 72.
    ///
    /// - Parameter context: The router of the forked process; the caller is its parent.
    func run(in context: ExternalContext) throws
}

extension NamedFunction {
    /// - Throws: ``MitogenError`` with `.misuse` if the function would not be found, or is too large; `.unencodable`.
    init<Function: Codable>(_ function: Function) throws(MitogenError) {
        guard let name = _mangledTypeName(Function.self), FunctionName.isValid(name),
            _typeByName(name) == Function.self
        else {
            throw MitogenError(
                .misuse,
                "\(displayedName(of: Function.self)) cannot run in another process, because it cannot be found by its name",
                hint:
                    "make it internal or public, and move it out of functions and out of extensions of other modules' types"
            )
        }
        let data = try Message.pickled(function).data
        guard data.count <= Self.sizeLimit else {
            throw MitogenError(
                .misuse,
                "\(displayedName(of: Function.self)) has properties of \(data.count) bytes, more than \(Self.sizeLimit)",
                hint: "let it read them from a file"
            )
        }
        self.init(name: name, properties: data)
    }

    /// The function itself.
    ///
    /// - Throws: ``MitogenError`` with `.unknownFunction` or `.streamError`.
    func decode<Kind>(as kind: Kind.Type = Kind.self) throws(MitogenError) -> Kind {
        guard FunctionName.isValid(name), let type = _typeByName(name) as? any Codable.Type,
            _mangledTypeName(type) == name
        else { throw unknown }
        let message = Message(handle: 0, encoding: .pickle, data: properties)
        guard let function = try message.decode(as: type) as? Kind else { throw unknown }
        return function
    }

    private var unknown: MitogenError {
        MitogenError(
            .unknownFunction,
            "this program has no function type \(name) for forked processes",
            hint: "both sides must be the same program, or share the library that the function is in"
        )
    }
}
