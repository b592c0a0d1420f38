//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import Mitogen
internal import Synchronization

/// What the functions of this process have noted, in order.
private let notes = Mutex<[String]>([])

/// Notes its beginning and its end.
public struct Note: RemoteFunction {
    public var text: String
    public var milliseconds: Int
    public var fails: Bool
    /// Makes the request as large as is wanted.
    public var ballast: [UInt8]

    public init(_ text: String, milliseconds: Int = 0, fails: Bool = false, ballast: Int = 0) {
        self.text = text
        self.milliseconds = milliseconds
        self.fails = fails
        self.ballast = [UInt8](repeating: 1, count: ballast)
    }

    public func run(in context: ExternalContext) async throws -> String {
        notes.withLock { $0.append("<\(text)") }
        defer { notes.withLock { $0.append("\(text)>") } }
        if milliseconds > 0 { try await Task.sleep(for: .milliseconds(milliseconds)) }
        if fails { throw OutOfStock(item: text) }
        return text
    }
}

/// What the functions of the process have noted.
public struct ReadNotes: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws -> [String] {
        notes.withLock { $0 }
    }
}

/// Makes ``Note`` callable by name.
public struct RegisterNote: RemoteFunction {
    public init() {}

    public func run(in context: ExternalContext) async throws {
        try context.router.register("fixture.note", Note.self)
    }
}
