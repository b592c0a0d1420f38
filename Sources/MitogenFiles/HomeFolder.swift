//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// The home of the account that this process runs as.
enum HomeFolder {
    /// The path with the home for a `~` that is all of it or stands before its first slash.
    static func expand(_ path: [UInt8]) -> [UInt8] {
        guard path.first == UInt8(ascii: "~"), path.count == 1 || path[1] == UInt8(ascii: "/"),
            let home = getenv("HOME")
        else { return path }
        return Array(String(cString: home).utf8) + path.dropFirst()
    }
}
