//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// The users and groups of this system, from `/etc/passwd` and `/etc/group`: a static program has no other.
package final class Accounts {
    private struct Table {
        var names: [UInt32: String] = [:]
        var numbers: [String: UInt32] = [:]

        init(path: String) {
            guard let file = fopen(path, "re") else { return }
            defer { fclose(file) }
            var line: UnsafeMutablePointer<CChar>?
            var capacity = 0
            defer { free(line) }
            while getline(&line, &capacity, file) > 0, let text = line {
                let fields = String(cString: text).split(separator: ":", omittingEmptySubsequences: false)
                guard fields.count > 2, let number = UInt32(fields[2]) else { continue }
                let name = String(fields[0])
                // Of several with one number the first counts.
                if names[number] == nil { names[number] = name }
                if numbers[name] == nil { numbers[name] = number }
            }
        }
    }

    private lazy var users = Table(path: "/etc/passwd")
    private lazy var groups = Table(path: "/etc/group")

    package init() {}

    package func userName(_ number: UInt32) -> String? { users.names[number] }
    package func groupName(_ number: UInt32) -> String? { groups.names[number] }
    func userID(_ name: String) -> UInt32? { users.numbers[name] }
    func groupID(_ name: String) -> UInt32? { groups.numbers[name] }
}
