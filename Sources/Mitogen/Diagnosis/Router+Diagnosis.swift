//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
internal import Synchronization

extension Router {
    /// Whether this process, and contexts started from now on, write debug files.
    public var isDebugEnabled: Bool { core.withLock { $0.isDebugEnabled } }

    /// Lets this process write a debug file, and those of contexts that are started from now on (Mitogen semantics,
    /// section 8.7). It stays so until the router ends. The environment variable `MITOGEN_DEBUG` does the same for
    /// every router of a master.
    ///
    /// The file is ``debugFile``. It has the library's records from debug up, what contexts' functions log, and the
    /// header of every message that is routed here; never a message's content or a password. The signal SIGUSR2 adds
    /// what ``dump()`` says; a process that is not debugged does not handle that signal, and it would end it.
    ///
    /// If no file can be written, a warning is logged.
    public func enableDebug() {
        let mustOpen = core.withLock { core in
            defer { core.isDebugEnabled = true }
            return !core.isDebugEnabled && !core.isShutDown
        }
        guard mustOpen else { return }
        if let problem = DebugFile.shared.open(for: self) { logger.warning("\(problem)") }
        logger.debug(
            """
            Mitogen \(Mitogen.version), context \(contextID), parents \(parentIDs), \(ProcessIdentity.default)
            """
        )
    }

    /// The path of the debug file that this process writes: `mitogen.<pid>.<date>_<time>.log` in `$TMPDIR` or `/tmp`,
    /// for its owner only. Nil if it writes none. It is not removed by the library.
    public var debugFile: String? { isDebugEnabled ? DebugFile.shared.path : nil }

    /// Whether this router measures, and contexts started from now on (Mitogen semantics, section 8.8). False by
    /// default, true if the environment variable `MITOGEN_PROFILING` is set in a master.
    ///
    /// A router that ends in order writes `mitogen.stats.<pid>.<context>.<time>.json`: how often each function ran
    /// here, how long all together and at most, the same for the calls made from here, and what each stream has
    /// carried. It lies in the directory that `MITOGEN_PROFILING` names if that is a path, else in `$TMPDIR` or
    /// `/tmp`. As long as it is false, measuring costs nothing.
    public var isProfilingEnabled: Bool {
        get { profile.isOn }
        set { profile.isOn = newValue }
    }

    /// A remote function has ended here.
    func functionDidEnd(_ place: Int) {
        guard let function = functions.end(place), profile.isOn else { return }
        profile.add(function)
    }

    /// The router has ended: what was measured is written.
    func finishDiagnosis(of streams: [Stream]) {
        if profile.isOn {
            for stream in streams { profile.add(stream) }
            if let problem = profile.write(contextID, parentIDs) { logger.warning("\(problem)") }
        }
        logger.debug("the router has ended")
        DebugFile.shared.close(for: ObjectIdentifier(self))
    }
}
