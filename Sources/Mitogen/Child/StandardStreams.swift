//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import MitogenProtocol
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// A child's descriptors 0, 1 and 2 belong to its functions: nothing to read, and what is written becomes log records
/// (Mitogen semantics, section 5.5).
struct StandardStreams: Sendable {
    /// The link to the parent, moved away from 0 and 1.
    let stream: StreamDescriptors
    private let standardOutput: Int32
    private let standardError: Int32

    /// Moves the link to private descriptors, puts `/dev/null` on 0 and pipes on 1 and 2, and keeps the original 2 for
    /// what a fatal signal leaves to say.
    static func takeOver() throws(MitogenError) -> StandardStreams {
        let isOneSocket = sameFile(0, 1)
        let receive = try checked(cmitogen_duplicate(0, 3), "cannot duplicate standard input")
        let transmit = isOneSocket ? receive : try checked(cmitogen_duplicate(1, 3), "cannot duplicate standard output")
        let original = try checked(cmitogen_duplicate(2, 3), "cannot duplicate standard error")
        for descriptor in isOneSocket ? [receive] : [receive, transmit] {
            _ = try checked(cmitogen_set_nonblocking(descriptor, true), "cannot set up the stream")
        }
        let null = try checked(cmitogen_open_null(), "cannot open /dev/null")
        dup2(null, 0)
        _ = systemClose(null)
        let output = try pipe(onto: 1)
        let error = try pipe(onto: 2)
        cmitogen_crash_handler_install(original, error)
        // Whole lines at once, so that nothing printed is lost when the process ends.
        cmitogen_line_buffer_output()
        return StandardStreams(
            stream: StreamDescriptors(receive: receive, transmit: transmit),
            standardOutput: output,
            standardError: error
        )
    }

    /// Runs a function of the program with descriptors 0 and 1 moved away from the connection: standard input is empty,
    /// standard output goes to standard error, and processes that the function starts do not inherit the connection.
    static func settingAside(_ body: () throws(MitogenError) -> Void) throws(MitogenError) {
        let input = try checked(cmitogen_duplicate(0, 3), "cannot duplicate standard input")
        let output = try checked(cmitogen_duplicate(1, 3), "cannot duplicate standard output")
        let null = try checked(cmitogen_open_null(), "cannot open /dev/null")
        dup2(null, 0)
        dup2(2, 1)
        defer {
            fflush(nil)
            for (kept, number) in [(input, 0), (output, 1)] as [(Int32, Int32)] {
                dup2(kept, number)
                _ = systemClose(kept)
            }
        }
        _ = systemClose(null)
        try body()
    }

    /// Puts the write end of a new pipe onto `descriptor`; returns the read end. The write end blocks, as programs
    /// expect.
    private static func pipe(onto descriptor: Int32) throws(MitogenError) -> Int32 {
        var ends: [Int32] = [0, 0]
        _ = try checked(cmitogen_pipe(&ends, true), "cannot make a pipe")
        dup2(ends[1], descriptor)
        _ = systemClose(ends[1])
        return ends[0]
    }

    private static func sameFile(_ first: Int32, _ second: Int32) -> Bool {
        var (one, two) = (stat(), stat())
        guard fstat(first, &one) == 0, fstat(second, &two) == 0 else { return false }
        return one.st_dev == two.st_dev && one.st_ino == two.st_ino
    }

    private static func checked(_ result: Int32, _ what: String) throws(MitogenError) -> Int32 {
        guard result >= 0 else { throw .system(what, errno: -result) }
        return result
    }

    /// Turns lines that arrive on the pipes into log records.
    func capture(on broker: Broker, _ router: Router) {
        let readers = [(standardOutput, "stdout"), (standardError, "stderr")].map { descriptor, name in
            LineReader(
                descriptor: descriptor,
                broker: broker,
                isCapture: name == "stderr",
                isFull: { [router = Tether(router)] in router.object.map { $0.logWindow.isFull(towards: $0) } ?? false }
            ) { [router = Tether(router)] line in
                router.object?.forwardLog(ForwardedLog(name: name, level: 20, text: line), mayWait: true)
            }
        }
        broker.onShutdown {
            // First the pipe, so that there is room in it for an unfinished line.
            readers.first?.readAll()
            cmitogen_flush_output()
            for reader in readers { reader.drain() }
        }
        broker.onExit {
            for reader in readers { reader.close() }
        }
    }
}
