//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// How a program ended.
public enum ExitStatus: Sendable, Hashable {
    /// It exited with this status, 0 to 255.
    case exited(Int32)
    /// This signal ended it.
    case signaled(Int32)

    public var isSuccess: Bool { self == .exited(0) }

    /// The status as shells show it: 128 + n for a signal.
    public var shellCode: Int32 {
        switch self {
        case .exited(let code): code
        case .signaled(let number): 128 + number
        }
    }
}

extension ExitStatus: Codable {
    private enum CodingKeys: String, CodingKey {
        case exited
        case signaled
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .exited(let code): try container.encode(code, forKey: .exited)
        case .signaled(let number): try container.encode(number, forKey: .signaled)
        }
    }

    /// Reads a status that another context has sent.
    ///
    /// - Throws: `DecodingError` for a number that no process can end with. -1 stands for an end that nobody has seen.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        if let code = try container.decodeIfPresent(Int32.self, forKey: .exited), (-1...255).contains(code) {
            self = .exited(code)
        } else if let number = try container.decodeIfPresent(Int32.self, forKey: .signaled), (1...127).contains(number)
        {
            self = .signaled(number)
        } else {
            let text = "no process ends with this status"
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: text))
        }
    }
}

extension ExitStatus: CustomStringConvertible {
    public var description: String {
        switch self {
        case .exited(let code): "exit status \(code)"
        case .signaled(let number): "signal \(number)\(Self.names[number].map { " (\($0))" } ?? "")"
        }
    }

    private static let names: [Int32: String] = [
        1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE",
        9: "SIGKILL", 11: "SIGSEGV", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM", 24: "SIGXCPU", 25: "SIGXFSZ",
    ]
}
