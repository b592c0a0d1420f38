//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen
internal import MitogenPickle
internal import MitogenPython
internal import MitogenServices

/// The functions that Python programs call by name.
public enum PythonFunctions {
    public static func register() {
        do {
            try Mitogen.register("python.add", Add.self)
            try Mitogen.register("python.echo", Echo<PickleValue>.self)
            try Mitogen.register("python.greet", Greet.self)
            try Mitogen.register("python.refuse", Refuse.self)
            try Mitogen.register("python.send_numbers", SendNumbers.self)
            try Mitogen.register("python.receive_numbers", ReceiveNumbers.self)
            try Mitogen.register("python.know_notebook", KnowNotebook.self)
            try Mitogen.register("python.say", Say.self)
            try Mitogen.register("python.start", StartBelow.self)
        } catch {
            preconditionFailure("\(error)")
        }
    }
}

/// Has a property that need not be given.
public struct Greet: RemoteFunction {
    public var name: String
    public var greeting: String?

    public func run(in context: ExternalContext) async throws -> String {
        "\(greeting ?? "Hello"), \(name)!"
    }
}

/// Fails with an error of its own.
public struct Refuse: RemoteFunction {
    public struct Refusal: Error, Codable, CustomStringConvertible {
        public var reason: String

        public var description: String { "refused: \(reason)" }
    }

    public var reason: String

    public func run(in context: ExternalContext) async throws {
        throw Refusal(reason: reason)
    }
}

/// Prints a line.
public struct Say: RemoteFunction {
    public var text: String

    public func run(in context: ExternalContext) async throws {
        print(text)
    }
}

/// Starts a context below the one that it runs in.
public struct StartBelow: RemoteFunction {
    /// Its Python interpreter, if it is to have one.
    public var python: String?

    public func run(in context: ExternalContext) async throws -> ContextID {
        let child = try await context.router.local { options in
            if let python { options.runtime = .python(python) }
        }
        return child.id
    }
}
