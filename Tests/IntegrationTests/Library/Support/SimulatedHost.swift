//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenProtocol
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// A host that `ssh` leads to without a server: the command runs here, with a home, a temporary folder and an `uname`
/// of its own.
struct SimulatedHost: Sendable {
    let directory: String

    /// - Parameters:
    ///   - platform: What `uname -sm` prints there.
    ///   - lacks: Tools that are not there.
    init(in directory: String, platform: String, lacks: [String] = []) throws {
        self.directory = directory
        for name in ["home", "tmp", "bin"] { mkdir("\(directory)/\(name)", 0o755) }
        try script("ssh", at: directory) {
            """
            for last; do :; done
            export HOME=\(directory)/home TMPDIR=\(directory)/tmp PATH=\(directory)/bin
            exec sh -c "$last"
            """
        }
        try script("uname") { "echo \(platform)" }
        let tools = [
            "sh", "cat", "chmod", "dd", "df", "find", "gzip", "head", "id", "ls", "mkdir", "mv", "rm",
            "sha256sum", "wc", "xz",
        ]
        for tool in tools where !lacks.contains(tool) {
            if let path = Self.path(of: tool) { symlink(path, "\(directory)/bin/\(tool)") }
        }
    }

    static func path(of tool: String) -> String? {
        ["/usr/bin", "/bin", "/usr/sbin", "/sbin"].map { "\($0)/\(tool)" }.first { access($0, X_OK) == 0 }
    }

    /// Puts a script where the host finds its tools, in the place of another one.
    func script(_ name: String, at folder: String? = nil, _ text: () -> String) throws {
        let path = "\(folder ?? directory + "/bin")/\(name)"
        unlink(path)
        try Files.write(Array("#!/bin/sh\n\(text())\n".utf8), to: path)
    }

    /// The files of the user's cache there.
    var cached: [String] { Files.names(in: cache).map { "\(cache)/\($0)" } }

    private var cache: String { "\(directory)/home/.cache/mitogen" }
}

extension Router {
    /// A context on a simulated host.
    func simulated(
        _ host: SimulatedHost,
        via: Context? = nil,
        _ configure: (inout ConnectionMethod.SSHOptions) -> Void = { _ in }
    ) async throws(MitogenError) -> Context {
        try await ssh("host", via: via) { options in
            options.sshPath = "\(host.directory)/ssh"
            configure(&options)
        }
    }
}

extension Fixture {
    /// A copy of the fixture without what debuggers need, which is most of it: it is compressed and sent sooner.
    static func strippedCopy(in directory: String) async throws -> String {
        guard let strip = SimulatedHost.path(of: "strip") else { return try path }
        let copy = "\(directory)/stripped"
        let status = try await HelperProcess([strip, "-o", copy, path]).waitForEnd()
        return status == 0 ? copy : try path
    }

    /// The fixture as if it were built for another platform: the same program with another build id.
    static func otherImage(in directory: String) async throws -> [UInt8] {
        var program = try #require(Files.bytes(try await strippedCopy(in: directory)))
        let buildID = try #require(ELFImage(Array(program.prefix(65536)))?.buildID)
        let place = try #require(program.prefix(65536).firstRange(of: buildID))
        program[place.lowerBound] ^= 0x55
        return program
    }
}
