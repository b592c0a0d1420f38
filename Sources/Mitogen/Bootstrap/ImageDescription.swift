//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

/// The machine and the build id of a program file, as `mitogen --version` shows them.
package struct ImageDescription: Sendable, Hashable {
    /// The machine that it is for, as `uname -m` calls it there.
    package let machine: String
    /// The hexadecimal digits of its build id.
    package let buildID: String

    /// Reads the front of a file.
    ///
    /// - Throws: ``MitogenError`` with `.imageUnusable` if it cannot be read, is not a program or has no build id.
    package init(ofFile path: String) throws(MitogenError) {
        self.buildID = try ImageIdentity.ofFile(path)
        self.machine = TargetPlatform.machineName(elf: ELFImage(try ImageIdentity.front(of: path))?.machine ?? 0)
    }
}
