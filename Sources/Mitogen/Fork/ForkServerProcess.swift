//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import MitogenProtocol

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// What a process does that was started as a fork server: it runs the preload function, and forks when it is asked to
/// (architecture decision D8).
///
/// It is a copy of the program with one thread, before there is a Broker, an executor or anything else of a context. Its
/// standard input is a socket on which requests come: a byte with the descriptors of a new process's connection and
/// diagnostics. The new process has the same parent as this one, which so learns how it ends. It stays in this one's
/// process group until it is sent its configuration, and ends if it never is, as this one may die before it has told of it.
enum ForkServerProcess {
    /// Serves requests. Returns in each forked process, whose descriptors 0, 1 and 2 are its own then; the server itself
    /// exits when nobody can ask any more.
    static func serve(_ setup: ForkServerSetup) throws(MitogenError) {
        guard setup.version == Mitogen.version else {
            throw MitogenError(.imageMismatch, "the fork server is Mitogen \(Mitogen.version), not \(setup.version)")
        }
        warmUp()
        if let preload = setup.preload {
            // After that nothing is left in a buffer that every copy would write again.
            try StandardStreams.settingAside { () throws(MitogenError) in
                do {
                    try preload.decode(as: (any ForkFunction).self).run()
                } catch {
                    throw MitogenError(.callError, "the preload function has failed: \(error)")
                }
            }
        }
        while true {
            var received: [Int32] = [-1, -1]
            let result = cmitogen_receive_descriptors(0, &received, 2)
            if result == 0 { exit(0) }
            let answer: ForkAnswer
            if result < 0 {
                answer = .refused(result, "the fork server cannot take descriptors: \(text(of: -result))")
            } else if let problem = threadProblem {
                answer = .refused(-EBUSY, problem)
            } else {
                let pid = cmitogen_fork_sibling()
                if pid == 0 { return become(received) }
                answer = pid > 0 ? .forked(pid) : .refused(pid, forkProblem(-pid))
            }
            for descriptor in received where descriptor >= 0 { _ = systemClose(descriptor) }
            let bytes = answer.bytes
            guard cmitogen_write_all(0, bytes, bytes.count) == 0 else { exit(0) }
        }
    }

    /// The forked process takes its own descriptors. Others that the preload function has opened stay.
    private static func become(_ received: [Int32]) {
        dup2(received[0], 0)
        dup2(received[0], 1)
        dup2(received[1], 2)
        for descriptor in received where descriptor > 2 { _ = systemClose(descriptor) }
    }

    /// Does once what every forked process would do again: what the runtime remembers of types is in memory then that all
    /// of them share.
    private static func warmUp() {
        _ = (ProcessIdentity.userName, ProcessIdentity.hostName, ProcessIdentity.executablePath, ImageIdentity.own)
        let configuration = ChildConfiguration(
            parentIDs: [0],
            contextID: 1,
            debug: false,
            profiling: false,
            unidirectional: false,
            maxMessageSize: 1 << 20,
            logLevel: 20,
            version: Mitogen.version,
            remoteName: "",
            image: "",
            ancestors: [RouteInfo(id: 0, info: .current)],
            fork: ForkSetup()
        )
        _ = try? Message.pickled(configuration).decode(as: ChildConfiguration.self)
        let greeting = ChildGreeting(image: "", version: Mitogen.version, pid: 0, info: .current)
        _ = try? Message.pickled(greeting).decode(as: ChildGreeting.self)
        if let name = try? FunctionTable.shared.name(of: ProxiedTimeLeft.self) {
            _ = try? FunctionTable.shared.type(named: name.text)
        }
    }

    // MARK: Refusals

    /// Why it must not fork now: a copy would have one thread only, and the locks of all.
    private static var threadProblem: String? {
        // The kernel counts the threads in the links of their folder, which costs less than a look at each.
        var status = stat()
        if stat("/proc/self/task", &status) == 0, status.st_nlink == 3 { return nil }
        let capacity = 64
        let threads = [cmitogen_thread_info](unsafeUninitializedCapacity: capacity) { buffer, count in
            count = Int(cmitogen_list_threads(buffer.baseAddress, Int32(capacity)))
        }
        if threads.count == 1 { return nil }
        if threads.isEmpty { return "the fork server cannot count its threads, because there is no /proc" }
        let others = threads.filter { $0.id != getpid() }.map { thread in
            let name = withUnsafeBytes(of: thread.name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            return "\(name) (\(thread.id))"
        }
        return "the fork server has \(others.count) more threads than its first, so it cannot fork: "
            + others.joined(separator: ", ")
    }

    private static func forkProblem(_ error: Int32) -> String {
        if error == ENOTSUP {
            return
                "the fork server cannot fork: the kernel (CONFIG_CHECKPOINT_RESTORE) or the C library does not tell what "
                + "it needs"
        }
        return "the fork server cannot fork: \(text(of: error))"
    }

    private static func text(of error: Int32) -> String { String(cString: strerror(error)) }
}
