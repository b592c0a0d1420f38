//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// Codes by what a program does about them. New codes join the group that they belong to.
extension MitogenError.Code {
    /// Whether a context could not be started: most of what `except StreamError` catches in Python, where errors of
    /// passwords and host keys are kinds of it. These codes mean nothing else; for those that do, such as `.diskFull`,
    /// `.spawnError`, `.streamError` and `.timeoutError`, ask ``MitogenError/isConnectionFailure``.
    public var isConnectionFailure: Bool {
        isAuthenticationFailure || isHostKeyFailure || Self.connectionFailures.contains(self)
    }

    /// Whether the target, or a tool on the way, does not let the user in: no password, a wrong one, no accepted key, or
    /// an account that has expired.
    public var isAuthenticationFailure: Bool {
        [.passwordError, .passwordRequired, .authenticationFailed, .accountExpired].contains(self)
    }

    /// Whether the host's key is unknown, or another than the known one.
    public var isHostKeyFailure: Bool { [.hostKeyError, .hostKeyChanged].contains(self) }

    /// Whether the time allowed ran out.
    public var isTimeout: Bool { self == .timeoutError }

    private static let connectionFailures: Set<Self> = [
        .eofError, .connectionCancelled, .imageMismatch, .imageUnusable, .unknownPrompt, .unknownHost, .noRoute,
        .connectionRefused, .connectionLost, .controlPathTooLong, .unknownUser, .noLoginShell, .loginExited,
        .forcedCommand, .terminalRequired, .notPermitted, .noMarker, .noImage, .noPlaceToRun, .truncatedUpload,
        .wrongArchitecture, .executeError, .noSuchContainer, .containerNotRunning, .noSuchImage, .engineUnavailable,
        .noShell, .toolTooOld,
    ]
}

extension MitogenError {
    /// Whether it ended an attempt to start a context, whatever the reason, a timeout included.
    public var isConnectionFailure: Bool { connection != nil || code.isConnectionFailure }
}

extension Error {
    /// Whether it tells that a task, or a remote function, was cancelled: a `CancellationError`, or a ``MitogenError``
    /// with ``MitogenError/Code/cancelled``.
    ///
    /// Functions that throw `MitogenError` only cannot throw a `CancellationError`; those that throw any error do.
    public var isCancellation: Bool { self is CancellationError || (self as? MitogenError)?.code == .cancelled }
}
