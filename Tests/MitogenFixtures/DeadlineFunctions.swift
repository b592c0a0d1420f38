//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen

/// How many seconds a function has, in the last of some contexts, each of which calls the next one.
public struct TimeLeft: RemoteFunction {
    public var through: [Context]
    /// How long each call to the next one may take.
    public var timeout: Double?
    public var ballast: [UInt8]

    public init(through contexts: [Context] = [], timeout: Double? = nil, ballast: Int = 0) {
        through = contexts
        self.timeout = timeout
        self.ballast = [UInt8](repeating: 1, count: ballast)
    }

    public func run(in context: ExternalContext) async throws -> Double? {
        if let next = through.first {
            let rest = TimeLeft(through: Array(through.dropFirst()), timeout: timeout)
            return try await next.call(rest, timeout: timeout.map { .seconds($0) })
        }
        return context.deadline.map { (ContinuousClock.now.duration(to: $0)) / .seconds(1) }
    }
}

/// Makes ``TimeLeft`` callable by name.
public struct RegisterTimeLeft: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws {
        try context.router.register("fixture.timeLeft", TimeLeft.self)
    }
}

/// Starts ``ReportCancellation`` in its own context, and writes to a file with which code that ends, whatever becomes
/// of the one who starts it.
public struct StartAndTell: RemoteFunction {
    public var path: String

    public init(path: String) {
        self.path = path
    }

    public func run(in context: ExternalContext) async throws {
        let call = try context.router.myself().startCall(ReportCancellation(path: path))
        // Unstructured, so that it is not cancelled with this function.
        let waiter = Task {
            do throws(MitogenError) {
                try await call.get()
                return "returned"
            } catch {
                return "\(error.code): \(error.message)"
            }
        }
        writeFile("\(path).answer", await waiter.value)
    }
}

/// Calls itself in the first of some contexts, and waits until it is cancelled, as the last one does.
public struct ReportThrough: RemoteFunction {
    public var contexts: [Context]
    public var path: String
    public var level: Int

    public init(_ contexts: [Context], path: String, level: Int = 0) {
        self.contexts = contexts
        self.path = path
        self.level = level
    }

    public func run(in context: ExternalContext) async throws {
        writeFile("\(path)\(level)", "started")
        do {
            if let next = contexts.first {
                try await next.call(ReportThrough(Array(contexts.dropFirst()), path: path, level: level + 1))
            } else {
                try await Task.sleep(for: .seconds(1000))
            }
        } catch {
            // A nested call that has run out of time can be told so a moment before this one is.
            while !Task.isCancelled { try? await Task.sleep(for: .milliseconds(5)) }
        }
        writeFile("\(path)\(level)", Task.isCancelled ? "cancelled" : "returned")
    }
}
