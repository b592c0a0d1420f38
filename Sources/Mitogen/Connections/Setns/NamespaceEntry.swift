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

/// The namespaces, the root folder and the account of a container that a program is started in.
package final class NamespaceEntry: Sendable {
    let account: ContainerAccount
    private let container: cmitogen_container
    private let program: ProgramDescriptor?

    /// Opens what the container's first process lives in, and looks the account up there.
    ///
    /// - Parameter program: What is executed; nil for a program that is in the container.
    /// - Throws: ``MitogenError`` with `.containerNotRunning`, `.noSuchContainer`, `.notPermitted` or `.unknownUser`.
    init(_ target: NamespaceTarget, leader: Int32, program: ProgramDescriptor?) throws(MitogenError) {
        var container = cmitogen_container()
        let opened = cmitogen_open_container(leader, &container)
        if opened == -ENOENT || opened == -ESRCH {
            throw ContainerFailure.notRunning.failure(target.container, during: .connecting).error
        }
        guard opened >= 0 else {
            throw Self.failure("cannot open the namespaces of process \(leader)", -opened)
        }
        do throws(MitogenError) {
            guard opened > 0 else { throw Self.notHere(target, leader) }
            account = try Self.account(target, in: &container)
        } catch {
            cmitogen_close_container(&container)
            throw error
        }
        self.container = container
        self.program = program
    }

    deinit {
        var container = container
        cmitogen_close_container(&container)
    }

    /// Calls `body` with it as C has it.
    func withEntry<Result>(_ body: (UnsafePointer<cmitogen_entry>) -> Result) -> Result {
        account.groups.withUnsafeBufferPointer { groups in
            var entry = cmitogen_entry(
                container: container,
                user: account.user,
                group: account.group,
                groups: groups.baseAddress,
                group_count: Int32(groups.count),
                program: program?.number ?? -1
            )
            return body(&entry)
        }
    }

    // MARK: The account

    private static func account(
        _ target: NamespaceTarget,
        in container: inout cmitogen_container
    ) throws(MitogenError) -> ContainerAccount {
        do throws(ContainerAccount.Problem) {
            return try ContainerAccount(
                user: target.username,
                group: target.group,
                passwd: contents("etc/passwd", in: &container),
                groupFile: contents("etc/group", in: &container)
            )
        } catch .unknownUser {
            throw ContainerFailure.unknownUser.failure(target.container, during: .connecting).error
        } catch {
            throw MitogenError(
                .unknownUser,
                "the \(target.container.tool.rawValue) container \(target.container.name) has no group \(target.group ?? "")",
                hint: "name one of the container's /etc/group, or give a number"
            )
        }
    }

    /// A file of the container; empty if there is none. The container decides what is in it, so there is an end to it.
    private static func contents(_ path: String, in container: inout cmitogen_container) -> [UInt8] {
        let file = cmitogen_open_inside(&container, path)
        guard file >= 0 else { return [] }
        defer { _ = systemClose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count < 4 << 20 {
            let count = cmitogen_read(file, &buffer, buffer.count)
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        return bytes
    }

    // MARK: Failures

    private static func notHere(_ target: NamespaceTarget, _ leader: Int32) -> MitogenError {
        MitogenError(
            .noSuchContainer,
            "process \(leader), which is said to be the first one of \(target.container.name), is in no container here",
            hint: "\(target.program) probably manages another machine: make a context there first"
        )
    }

    /// A step of the way into a container has failed.
    static func failure(_ what: String, _ code: Int32) -> MitogenError {
        let message = "\(what): \(String(cString: strerror(code)))"
        guard code == EPERM || code == EACCES else { return MitogenError(.spawnError, message) }
        return MitogenError(
            .notPermitted,
            message,
            hint: "Linux lets only root enter namespaces: connect through sudo, or use the engine's own method; in a "
                + "container root needs CAP_SYS_ADMIN for it"
        )
    }
}

/// A program that is open, to be executed by its descriptor.
final class ProgramDescriptor: Sendable {
    let number: Int32

    /// Makes a copy of a file that nobody can change.
    init(copying path: String) throws(MitogenError) {
        let file = cmitogen_open_for_reading(path)
        guard file >= 0 else { throw .system("cannot read the image \(path)", errno: -file, .imageUnusable) }
        defer { _ = systemClose(file) }
        number = cmitogen_private_copy(file)
        guard number >= 0 else { throw .system("cannot copy the image \(path)", errno: -number, .imageUnusable) }
    }

    deinit {
        if number >= 0 { _ = systemClose(number) }
    }
}
