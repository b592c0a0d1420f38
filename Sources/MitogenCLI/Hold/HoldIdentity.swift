//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Glibc
internal import Mitogen
internal import MitogenProtocol

/// What the process that holds connections and a command must have in common for the command to use them: the version of
/// the programs, and the part of the environment that connections depend on. It is the name of the process's socket.
struct HoldIdentity: Hashable, Sendable {
    /// Hexadecimal digits.
    let digest: String

    /// - Parameters:
    ///   - programs: What tells versions of the tool and its agent apart.
    ///   - search: Where the tools that make connections are found. `PATH` itself does not count, as much else is in it:
    ///     the connections are the same in a virtual environment of Python.
    ///   - environment: All variables, `NAME=VALUE`.
    init(programs: [String], search: ProgramSearch, environment: [ByteString]) {
        let tools = Self.tools.map { "\($0)=\(search.path(of: $0) ?? "")" }
        let variables = environment.filter { Self.matters(Self.name(of: $0)) }.map(\.bytes)
        var bytes: [UInt8] = []
        for text in (programs + tools).map({ Array($0.utf8) })
            + variables.sorted(by: { $0.lexicographicallyPrecedes($1) })
        {
            bytes += text
            bytes.append(0)
        }
        self.digest = Digest.text(of: bytes)
    }

    /// That of this process.
    ///
    /// - Parameter image: The path of the program that is started as contexts.
    static func own(image: String) -> HoldIdentity {
        HoldIdentity(
            programs: [Mitogen.version, self.file(ProcessIdentity.executablePath), image, self.file(image)],
            search: .own,
            environment: ProcessIdentity.environment
        )
    }

    /// What changes when a program is replaced by another version.
    private static func file(_ path: String) -> String {
        var status = stat()
        guard stat(path, &status) == 0 else { return "" }
        return "\(status.st_dev) \(status.st_ino) \(status.st_size) \(status.st_mtim.tv_sec) \(status.st_mtim.tv_nsec)"
    }

    private static func name(of variable: ByteString) -> String {
        String(decoding: variable.bytes.prefix { $0 != UInt8(ascii: "=") }, as: UTF8.self)
    }

    /// Whether a variable changes what ssh, sudo and the tools of containers connect to, or as whom.
    static func matters(_ name: String) -> Bool {
        if self.names.contains(name) { return true }
        if self.ignored.contains(name) { return false }
        return self.prefixes.contains { name.hasPrefix($0) } || name.lowercased().hasSuffix("_proxy")
    }

    /// The tools of the tool's own kinds of hops that are looked for in `PATH`: those that lead there, and those that are
    /// asked for the first process of a container, and the shell that cleans up after a temporary one. Those of hop tables count for their hops.
    private static let tools =
        ["ssh", "sudo", "su", "doas", "lxc-attach", "sh"] + ContainerTool.allCases.map(ContainerLeader.program)

    private static let names: Set = [
        "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "SUDO_ASKPASS", "XDG_CONFIG_HOME",
        "XDG_RUNTIME_DIR", "XDG_DATA_HOME",
    ]
    private static let prefixes = [
        "LC_", "LD_", "SSH_", "KRB5", "DOCKER_", "CONTAINER", "KUBE", "LXC_", "LXD_", "INCUS_", "BUILDAH_", "AWS_",
        "AZURE_", "GOOGLE_",
    ]
    /// These differ from terminal to terminal.
    private static let ignored: Set = ["SSH_CLIENT", "SSH_CONNECTION", "SSH_TTY", "SSH_AGENT_PID"]
}

/// SHA-256, cut to half of its length, in hexadecimal digits.
enum Digest {
    static func text(of bytes: [UInt8]) -> String {
        var digest = [UInt8](repeating: 0, count: 32)
        cmitogen_sha256(bytes, bytes.count, &digest)
        let digits = Array("0123456789abcdef".utf8)
        let text = digest.prefix(16).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: text, as: UTF8.self)
    }
}
