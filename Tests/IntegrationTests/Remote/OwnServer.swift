//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// An sshd of a test's own on loopback, with the host key and the accounts of the test bed.
struct OwnServer {
    let port: Int
    private let server: HelperProcess

    /// - Parameters:
    ///   - directory: Where its configuration is written.
    ///   - lines: More lines for its configuration.
    init(in directory: String, _ lines: String...) async throws {
        port = try Self.freePort()
        let file = "\(directory)/sshd_config"
        let configuration =
            [
                "ListenAddress 127.0.0.1:\(port)", "HostKey \(try Testbed.fact("TESTBED"))/ssh/host", "PidFile none",
                "UsePAM yes", "StrictModes no",
            ] + lines
        try Files.write(Array((configuration.joined(separator: "\n") + "\n").utf8), to: file)
        server = try HelperProcess(["/usr/sbin/sshd", "-D", "-e", "-f", file])
        let (helper, port) = (server, port)
        let listens = try await eventually { helper.lines.contains { $0.contains("port \(port).") } }
        guard listens else { throw TestFailure("sshd does not listen: \(server.lines)") }
    }

    /// What it has said.
    var log: [String] { server.lines }

    func stop() { server.signal(SIGTERM) }

    /// The lines of a configuration for ssh that lead here, for hosts that match a pattern.
    func host(_ pattern: String) throws -> String {
        try Self.host(pattern, port: port)
    }

    /// Lines that lead to a port of this machine, as an account that the test bed's key opens.
    static func host(_ pattern: String, port: Int, _ lines: String...) throws -> String {
        let common = [
            "Host \(pattern)", "HostName 127.0.0.1", "Port \(port)", "User tb-bash", "StrictHostKeyChecking no",
            "UserKnownHostsFile /dev/null", "IdentitiesOnly yes", "IdentityFile \(try Testbed.fact("TB_SSH_IDENTITY"))",
        ]
        return (common + lines).joined(separator: "\n") + "\n"
    }

    /// A port that nobody listens on.
    static func freePort() throws -> Int {
        let listener = try Listener()
        defer { listener.close() }
        return listener.port
    }
}

/// Listens on a port of loopback, and says nothing to whoever connects.
struct Listener {
    let port: Int
    private let descriptor: Int32

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let (socket, length) = (descriptor, size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(socket, pointer, length) == 0 && listen(socket, 16) == 0
                    && getsockname(socket, pointer, &size) == 0
            }
        }
        guard isBound else { throw TestFailure("cannot listen on loopback") }
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    func close() { _ = systemClose(descriptor) }

    /// Connects to a port of loopback.
    static func connect(to port: Int) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = UInt16(port).bigEndian
        let isThere = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                systemConnect(descriptor, pointer, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isThere else { throw TestFailure("cannot connect to port \(port)") }
        return descriptor
    }
}

private func systemClose(_ descriptor: Int32) -> Int32 { close(descriptor) }

private func systemConnect(_ descriptor: Int32, _ address: UnsafePointer<sockaddr>, _ size: socklen_t) -> Int32 {
    connect(descriptor, address, size)
}
