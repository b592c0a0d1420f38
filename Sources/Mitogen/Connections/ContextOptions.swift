//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What all connection methods have in common (Mitogen semantics, section 7.1).
public protocol ContextOptions: Sendable {
    var common: CommonOptions { get set }
}

/// The options that every connection method takes.
public struct CommonOptions: Sendable, Codable {
    /// The context's name; by default made from the method and what it connects to.
    public var name: String?
    /// What the new process calls itself in `ps`, after `mitogen:`. By default `user@host:pid` of the starter. It may
    /// not contain slashes or backslashes.
    public var remoteName: String?
    /// What is started instead of the program's own image: the path of a program that is already there, or a wrapper
    /// with its arguments and the program. It must be the same version of the same program.
    public var executable: [String]?
    /// What runs in the context; a copy of this program by default.
    public var runtime = ContextRuntime.program
    /// Whether the image is looked for, and kept, in `~/.cache/mitogen` on the target; true by default. False leaves no
    /// file there, and sends the image each time.
    public var usesImageCache = true
    /// Whether the context logs at debug level and writes a debug file, see ``Router/enableDebug()``; as the router by
    /// default.
    public var isDebugEnabled: Bool?
    /// Whether the context passes messages only between ancestors and descendants; as the router by default. In a
    /// unidirectional tree only the master can set it to false, and not below a unidirectional context.
    public var isUnidirectional: Bool?
    /// Whether the context measures, see ``Router/isProfilingEnabled``; as the router by default.
    public var isProfilingEnabled: Bool?
    /// How long the whole attempt may take; 30 s by default. Waiting for other connections to the same ssh server
    /// does not count as long as those come to something.
    public var connectTimeout: Duration = .seconds(30)

    public init() {}
}

/// What the methods that change the user have in common: sudo, su and doas.
public protocol BecomeOptions: ContextOptions {
    /// The user to become; `root` by default.
    var username: String { get set }
    /// The password, typed if the tool asks for it. Never put on a command line.
    var password: Secret? { get set }
}

extension BecomeOptions {
    func validateUser() throws(MitogenError) {
        try common.validate()
        // A dash in front would be an option, for su at least.
        guard !username.isEmpty, !username.hasPrefix("-"), !username.utf8.contains(where: { $0 < 32 || $0 == 127 })
        else { throw MitogenError(.misuse, "\(username.debugDescription) is not the name of a user") }
    }
}

extension ContextOptions {
    /// Texts that are looked for: an empty one would be found everywhere.
    func validatePrompts(_ texts: [String], _ option: String) throws(MitogenError) {
        if texts.contains(where: { text in text.utf8.allSatisfy { $0 == 0x20 } }) {
            throw MitogenError(.misuse, "\(option) has a text without any letters")
        }
    }
}

extension ContextOptions {
    public var name: String? {
        get { common.name }
        set { common.name = newValue }
    }

    public var remoteName: String? {
        get { common.remoteName }
        set { common.remoteName = newValue }
    }

    public var executable: [String]? {
        get { common.executable }
        set { common.executable = newValue }
    }

    public var runtime: ContextRuntime {
        get { common.runtime }
        set { common.runtime = newValue }
    }

    public var usesImageCache: Bool {
        get { common.usesImageCache }
        set { common.usesImageCache = newValue }
    }

    public var isDebugEnabled: Bool? {
        get { common.isDebugEnabled }
        set { common.isDebugEnabled = newValue }
    }

    public var isUnidirectional: Bool? {
        get { common.isUnidirectional }
        set { common.isUnidirectional = newValue }
    }

    public var isProfilingEnabled: Bool? {
        get { common.isProfilingEnabled }
        set { common.isProfilingEnabled = newValue }
    }

    public var connectTimeout: Duration {
        get { common.connectTimeout }
        set { common.connectTimeout = newValue }
    }
}

extension CommonOptions {
    /// Checks what would only fail later, and worse.
    func validate() throws(MitogenError) {
        if let remoteName, remoteName.contains(where: { $0 == "/" || $0 == "\\" }) {
            throw MitogenError(.misuse, "remoteName cannot contain slashes: \(remoteName.debugDescription)")
        }
        if let remoteName, remoteName.utf8.contains(where: { $0 < 32 || $0 == 127 }) {
            throw MitogenError(.misuse, "remoteName cannot contain control characters: \(remoteName.debugDescription)")
        }
        if let executable, executable.first?.isEmpty ?? true {
            throw MitogenError(.misuse, "executable names no program")
        }
        guard connectTimeout > .zero, connectTimeout <= .seconds(86_400) else {
            throw MitogenError(
                .misuse,
                "connectTimeout must be more than 0 and at most 86,400 s, not \(connectTimeout)"
            )
        }
    }
}
