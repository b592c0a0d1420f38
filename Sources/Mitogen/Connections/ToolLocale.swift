//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The language of tools whose words are read: `LC_ALL=C`, before which `LANG` and `LANGUAGE` do not count (gettext(3)).
enum ToolLocale {
    static let name = "C"

    private static let prefix = "LC_ALL="

    /// This process's environment with `LC_ALL=C`.
    static var environment: [ByteString] {
        ProcessIdentity.environment.filter { !$0.hasPrefix(prefix) } + [ByteString(prefix + name)]
    }

    /// What `LC_ALL` is in this process; nil if it is not set.
    static var own: String? {
        ProcessIdentity.environment.first { $0.hasPrefix(prefix) }.map { entry in
            String(decoding: entry.bytes.dropFirst(prefix.utf8.count), as: UTF8.self)
        }
    }
}
