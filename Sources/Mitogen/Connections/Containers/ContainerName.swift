//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The names that people give containers, and what is in them.
enum ContainerName {
    /// Not all tools know `--`: a name that looks like an option must not get as far as them.
    static func check(_ name: String, _ what: String) throws(MitogenError) {
        guard !name.isEmpty, !name.hasPrefix("-"), !name.utf8.contains(where: { $0 <= 32 || $0 == 127 }) else {
            throw MitogenError(.misuse, "\(name.debugDescription) is not \(what)")
        }
    }
}
