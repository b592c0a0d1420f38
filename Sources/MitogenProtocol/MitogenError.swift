//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The one error of this library: what failed, where, why, and what to try.
///
/// The error names of Mitogen's API are the codes. Every public function that can fail throws this type.
public struct MitogenError: Error, Sendable {
    /// What kind of failure it is. New codes may be added, so a `switch` needs a `default`.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// The code's name, which is also what JSON output shows.
        public let description: String

        package init(_ description: String) {
            self.description = description
        }

        /// The library was used in a way that cannot work.
        public static let misuse = Code("misuse")
        /// The remote function failed; `remote` says how.
        public static let callError = Code("callError")
        /// The message cannot be delivered, or the other side is gone.
        public static let channelError = Code("channelError")
        /// The latch was closed.
        public static let latchError = Code("latchError")
        /// A connection could not be made, or a peer sent something malformed.
        public static let streamError = Code("streamError")
        /// The connection ended before the child was ready.
        public static let eofError = Code("eofError")
        /// The attempt to connect was given up because its router shut down.
        public static let connectionCancelled = Code("connectionCancelled")
        /// The program that makes the connection could not be started.
        public static let spawnError = Code("spawnError")
        /// The process, or the machine, has as many files open as it may.
        public static let tooManyOpenFiles = Code("tooManyOpenFiles")
        /// The child runs another program than the one it was sent.
        public static let imageMismatch = Code("imageMismatch")
        /// This program cannot be started as a copy of itself.
        public static let imageUnusable = Code("imageUnusable")
        /// The calling task, or the remote function, was cancelled.
        public static let cancelled = Code("cancelled")
        /// The time allowed ran out.
        public static let timeoutError = Code("timeoutError")
        /// The password is wrong.
        public static let passwordError = Code("passwordError")
        /// A password was asked for and none was given.
        public static let passwordRequired = Code("passwordRequired")
        /// The tool on the way asks something that is not understood.
        public static let unknownPrompt = Code("unknownPrompt")
        /// No key that was offered is accepted, and no password was asked for.
        public static let authenticationFailed = Code("authenticationFailed")
        /// The host's key is unknown.
        public static let hostKeyError = Code("hostKeyError")
        /// The host's key is another than the known one.
        public static let hostKeyChanged = Code("hostKeyChanged")
        /// The host's name has no address.
        public static let unknownHost = Code("unknownHost")
        /// There is no way to the host.
        public static let noRoute = Code("noRoute")
        /// The host refused the connection.
        public static let connectionRefused = Code("connectionRefused")
        /// The connection was cut.
        public static let connectionLost = Code("connectionLost")
        /// The path of ssh's control socket is longer than the system allows.
        public static let controlPathTooLong = Code("controlPathTooLong")
        /// The account, or its password, has expired.
        public static let accountExpired = Code("accountExpired")
        /// There is no such user on the target.
        public static let unknownUser = Code("unknownUser")
        /// The account has no shell to log in with.
        public static let noLoginShell = Code("noLoginShell")
        /// The login ended before the first stage ran, by a login script or by the account's shell.
        public static let loginExited = Code("loginExited")
        /// The target ran another program than it was told to.
        public static let forcedCommand = Code("forcedCommand")
        /// The tool wants a terminal.
        public static let terminalRequired = Code("terminalRequired")
        /// The account may not do what was asked for, as sudo or doas says.
        public static let notPermitted = Code("notPermitted")
        /// The target printed too much, and its shell did not run the first stage.
        public static let noMarker = Code("noMarker")
        /// There is no image of the program for the target's platform.
        public static let noImage = Code("noImage")
        /// The target does not let a program be written and run anywhere.
        public static let noPlaceToRun = Code("noPlaceToRun")
        /// The target has no space for the program.
        public static let diskFull = Code("diskFull")
        /// Only a part of the program arrived.
        public static let truncatedUpload = Code("truncatedUpload")
        /// The program arrived with another content than was sent.
        public static let checksumMismatch = Code("checksumMismatch")
        /// The program is for another kind of machine than the target.
        public static let wrongArchitecture = Code("wrongArchitecture")
        /// The target could not, or may not, execute the program.
        public static let executeError = Code("executeError")
        /// The value cannot be encoded.
        public static let unencodable = Code("unencodable")
        /// The actor does not exist, or exists no more.
        public static let unknownActor = Code("unknownActor")
        /// A command has failed, or was ended because its time was over; see `ProcessResult.checked()`.
        public static let commandFailed = Code("commandFailed")
        /// What gives a command its input has failed; see `ProcessInput`.
        public static let inputFailed = Code("inputFailed")
        /// The callee does not know the function.
        public static let unknownFunction = Code("unknownFunction")
    }

    public let code: Code
    /// What happened, for people.
    public let message: String
    /// The context it happened in or on the way to, hop by hop, where that is known.
    public let context: String?
    /// What the remote function reported.
    public let remote: RemoteFailure?
    /// The last lines that the peer wrote to its standard error.
    public let diagnostics: [String]
    /// What to try, with the names of the API; a user of the tool reads those of its options.
    public var hint: String? { advice?.apiText }
    /// What to try, with names that are still to be put into words.
    package let advice: Hint?
    /// What the attempt to connect did, if it is one that has failed.
    public let connection: ConnectionReport?

    /// What the dead message says that it comes from; nil if it comes from none.
    package private(set) var dead: DeadReason.Kind?

    /// Whether it is the regular end of a channel: the sender, or the receiver itself, was closed. Nothing was lost
    /// then.
    public var isEndOfChannel: Bool {
        dead == .endOfChannel
    }

    /// How far the attempt to connect had come; nil if it is no such failure.
    public var stage: ConnectionReport.Stage? { connection?.stage }

    public init(
        _ code: Code,
        _ message: String,
        context: String? = nil,
        remote: RemoteFailure? = nil,
        diagnostics: [String] = [],
        hint: String? = nil,
        connection: ConnectionReport? = nil
    ) {
        self.init(
            code,
            message,
            context: context,
            remote: remote,
            diagnostics: diagnostics,
            hint: hint.map { Hint($0) },
            connection: connection
        )
    }

    /// An error whose hint has names in it.
    package init(
        _ code: Code,
        _ message: String,
        context: String? = nil,
        remote: RemoteFailure? = nil,
        diagnostics: [String] = [],
        hint: Hint?,
        connection: ConnectionReport? = nil
    ) {
        self.code = code
        self.message = message
        self.context = context
        self.remote = remote
        self.diagnostics = diagnostics
        advice = hint
        self.connection = connection
    }

    /// What a dead message says.
    ///
    /// - Parameters:
    ///   - request: What has not been answered, for the text; nothing by default.
    ///   - localID: This context.
    package init(
        dead message: Message,
        to request: String? = nil,
        localID: ContextID = .max,
        context: String? = nil,
        hint: Hint? = nil
    ) {
        let reason = message.deadReason(localID: localID)
        self.init(.channelError, request.map { "\($0): \(reason)" } ?? reason, context: context, hint: hint)
        dead = DeadReason.Kind(reason)
    }

    /// The same error, with the place it happened in if that was not known yet.
    package func inContext(_ name: String) -> MitogenError {
        guard context == nil else { return self }
        var error = MitogenError(
            code,
            message,
            context: name,
            remote: remote,
            diagnostics: diagnostics,
            hint: advice,
            connection: connection
        )
        error.dead = dead
        return error
    }

    /// The same error, with what the attempt to connect did.
    package func after(_ connection: ConnectionReport) -> MitogenError {
        MitogenError(
            code,
            message,
            context: context,
            remote: remote,
            diagnostics: diagnostics,
            hint: advice,
            connection: connection
        )
    }
}

extension MitogenError: CustomStringConvertible {
    public var description: String { text(hint: hint) }

    /// The error for people, with this for its hint.
    package func text(hint: String?) -> String {
        var text = message
        if let context { text = "\(context): \(text)" }
        if let traceback = remote?.traceback { text += "\n\(traceback)" }
        if !diagnostics.isEmpty {
            text += "\nlast lines received:\n" + diagnostics.map { "  \($0)" }.joined(separator: "\n")
        }
        if let hint { text += "\nhint: \(hint)" }
        return text
    }
}
