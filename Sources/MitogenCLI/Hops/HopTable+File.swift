//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Glibc

extension HopTable {
    /// Reads a table.
    ///
    /// What it says is executed, so nobody else may be able to change it.
    ///
    /// - Throws: ``ArgumentError`` if it cannot be read, may have been changed by others, or is not right.
    package init(path: String) throws(ArgumentError) {
        guard let table = try Self.read(path) else {
            throw Self.file(TerminalSanitizer.visible(path)).unreadable(ENOENT)
        }
        self = table
    }

    /// The table in the place where it is looked for, which is empty if there is no file.
    ///
    /// - Throws: ``ArgumentError`` as ``init(path:)`` does.
    static func usual() throws(ArgumentError) -> HopTable {
        let path = self.usualPath { name in getenv(name).map { String(cString: $0) } }
        guard let path else { return HopTable() }
        return try self.read(path) ?? HopTable()
    }

    /// Where a table is looked for; nil if that cannot be told.
    ///
    /// - Parameter variable: Looks up a variable of the environment.
    static func usualPath(_ variable: (String) -> String?) -> String? {
        // Relative paths do not count there, as the standard says.
        if let folder = variable("XDG_CONFIG_HOME"), folder.hasPrefix("/") { return "\(folder)/mitogen/hops.conf" }
        guard let home = variable("HOME"), home.hasPrefix("/") else { return nil }
        return "\(home)/.config/mitogen/hops.conf"
    }

    /// For the help text: the kinds of hops in the usual place. What is wrong with them is told when they are used.
    static var usualHelp: String {
        guard let table = try? self.usual(), !table.definitions.isEmpty else { return "" }
        return "\n\nYours are:\n\n" + HopKind.helpText(for: table.definitions.map(\.kind))
    }

    /// - Returns: The table; nil if there is no such file.
    private static func read(_ path: String) throws(ArgumentError) -> HopTable? {
        let file = self.file(TerminalSanitizer.visible(path))
        // A pipe that nobody writes to would never open.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw file.unreadable(errno)
        }
        defer { close(descriptor) }
        try self.checkOwner(of: descriptor, path, file)
        return try HopTable(name: file.name, bytes: try file.read(descriptor))
    }

    private static func checkOwner(
        of descriptor: Int32,
        _ path: String,
        _ file: TextFile
    ) throws(ArgumentError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw file.unreadable(errno) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw ArgumentError("the hop table '\(file.name)' is not a file", isAboutFile: true)
        }
        guard status.st_uid == getuid() || status.st_uid == 0 else {
            throw ArgumentError(
                "the hop table '\(file.name)' belongs to user \(status.st_uid), and it says what is executed: it must be "
                    + "yours or root's",
                isAboutFile: true
            )
        }
        guard status.st_mode & (S_IWGRP | S_IWOTH) == 0 else {
            throw ArgumentError(
                "others can write to the hop table '\(file.name)', and it says what is executed: "
                    + "chmod go-w \(CommandQuoting.shellQuoted([path]))",
                isAboutFile: true
            )
        }
    }
}
