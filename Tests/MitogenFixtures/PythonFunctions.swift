//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen
internal import MitogenPickle
public import MitogenProtocol
internal import MitogenPython
internal import MitogenServices

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

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
            try Mitogen.register("inventory.uptime", Uptime.self)
            try Mitogen.register("python.fail_at_length", FailWithLongText.self)
            try Mitogen.register("python.terminate", Terminate.self)
            try Mitogen.register("python.listen", Listen.self)
            try Mitogen.register("python.ask", Ask.self)
            try Mitogen.register("python.start_weaker", StartWeaker.self)
            try Mitogen.register("python.hold", HoldBelow.self)
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

/// Fails with a text of some length.
public struct FailWithLongText: RemoteFunction {
    public var count: Int

    public func run(in context: ExternalContext) async throws {
        throw Refuse.Refusal(reason: String(repeating: "x", count: count))
    }
}

/// Asks a service of another context by name, as a sibling that has no authority there.
public struct AskService: RemoteFunction {
    var context: Context
    var service: String
    var method: String

    public init(_ service: String, _ method: String, of context: Context) {
        self.context = context
        self.service = service
        self.method = method
    }

    public func run(in context: ExternalContext) async throws -> Int {
        try await self.context.callService(named: service, method: method)
    }
}

/// Sends dead messages to a handle of another context.
public struct SendDead: RemoteFunction {
    var context: Context
    var handle: Handle
    var count: Int

    public init(_ count: Int, to context: Context, at handle: Handle) {
        self.count = count
        self.context = context
        self.handle = handle
    }

    public func run(in context: ExternalContext) async throws {
        for _ in 0..<count { try self.context.send(.dead("over", handle: handle)) }
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

/// Starts contexts below it and commands in each, with functions that do not end.
public struct HoldBelow: RemoteFunction {
    /// The interpreter of a Python context below it, if it is to have one.
    public var python: String?

    /// - Returns: The numbers of all processes.
    public func run(in context: ExternalContext) async throws -> [Int32] {
        let below = try await context.router.local()
        var processes = [getpid(), try await below.call(ProcessID())]
        for host in [context.router.myself(), below] {
            let (lines, continuation) = AsyncStream.makeStream(of: [UInt8].self)
            // Unstructured, as it is to go on when this has returned.
            Task {
                defer { continuation.finish() }
                _ = try await host.run(["sh", "-c", "echo $$; exec sleep 1000"]) { piece in
                    continuation.yield(piece.bytes)
                    return true
                }
            }
            var first = lines.makeAsyncIterator()
            let line = String(decoding: await first.next() ?? [], as: UTF8.self)
            guard let process = Int32(line.dropLast()) else {
                throw MitogenError(.commandFailed, "sh has printed \"\(line)\" in place of its process's number")
            }
            processes.append(process)
        }
        _ = try below.startCall(HangForever())
        if let python {
            let interpreter = try await context.router.local { $0.runtime = .python(python) }
            processes.append(try await interpreter.call(named: "os.getpid"))
            _ = try interpreter.startCall(named: "time.sleep", [1000], as: Bool?.self)
        }
        return processes
    }
}

/// Ends its process as Python contexts end themselves.
public struct Terminate: RemoteFunction {
    public func run(in context: ExternalContext) async throws {
        signal(SIGTERM, SIG_DFL)
        kill(getpid(), SIGTERM)
    }
}
