//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// An account as a container's own `/etc/passwd` and `/etc/group` have it. A static program has no working `getpwnam`,
/// and this machine's accounts are others.
package struct ContainerAccount: Sendable, Hashable {
    /// What is not there.
    package enum Problem: Error, Sendable, Hashable {
        case unknownUser
        case unknownGroup
    }

    package let name: String
    package let user: UInt32
    package let group: UInt32
    /// All groups that have the user as a member, and the first one.
    package let groups: [UInt32]
    package let home: String
    package let shell: String

    /// Looks an account up, by name first and then by number.
    ///
    /// A number needs no entry, and neither does root: a container may have no files at all. Their group is 0 then, as
    /// it is with Docker.
    ///
    /// - Parameters:
    ///   - group: A group's name or number, instead of the user's own.
    ///   - passwd: The content of `/etc/passwd`.
    ///   - groupFile: The content of `/etc/group`.
    package init(
        user text: String,
        group groupText: String?,
        passwd: [UInt8],
        groupFile: [UInt8]
    ) throws(Problem) {
        let users = Self.lines(passwd, fieldCount: 6)
        let groups = Self.lines(groupFile, fieldCount: 3)
        let entry =
            users.first { $0[0] == text && Self.number($0[2]) != nil && Self.number($0[3]) != nil }
            ?? Self.number(text).flatMap { id in
                users.first { Self.number($0[2]) == id && Self.number($0[3]) != nil }
            }
        guard let user = entry.map({ Self.number($0[2]) }) ?? (text == "root" ? 0 : Self.number(text)) else {
            throw .unknownUser
        }
        let name = entry?[0] ?? text
        var group = entry.flatMap { Self.number($0[3]) } ?? 0
        if let groupText {
            let named = groups.first { $0[0] == groupText }.flatMap { Self.number($0[2]) }
            guard let found = named ?? Self.number(groupText) else { throw .unknownGroup }
            group = found
        }
        let memberships = groups.compactMap { fields -> UInt32? in
            guard fields.count > 3, fields[3].split(separator: ",").contains(Substring(name)) else { return nil }
            return Self.number(fields[2])
        }
        self.name = name
        self.user = user
        self.group = group
        self.groups = memberships.reduce(into: [group]) { if !$0.contains($1) { $0.append($1) } }
        home = Self.path(entry?[5], or: "/")
        shell = Self.path(entry.flatMap { $0.count > 6 ? $0[6] : nil }, or: "/bin/sh")
    }

    /// What a program of the account begins with: nothing of this machine's environment goes along.
    package var environment: [String] {
        [
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=\(home)", "SHELL=\(shell)",
            "LOGNAME=\(name)", "USER=\(name)",
        ]
    }

    private static func path(_ text: String?, or other: String) -> String {
        guard let text, !text.isEmpty, !text.utf8.contains(0) else { return other }
        return text
    }

    /// The highest number means "unchanged" to the kernel.
    private static func number(_ text: String) -> UInt32? {
        guard text.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }), let number = UInt32(text) else {
            return nil
        }
        return number == .max ? nil : number
    }

    private static func lines(_ bytes: [UInt8], fieldCount: Int) -> [[String]] {
        bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
            let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
            return fields.count >= fieldCount ? fields.map { String(decoding: $0, as: UTF8.self) } : nil
        }
    }
}
