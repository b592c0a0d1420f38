//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The kind of machine that a program is for, in the words of `uname -sm`.
package struct TargetPlatform: Sendable, Hashable, CustomStringConvertible {
    /// The operating system, e.g. `Linux`.
    package let system: String
    /// The processor, e.g. `x86_64`.
    package let machine: String

    package init(system: String, machine: String) {
        self.system = system
        self.machine = machine
    }

    package var description: String { "\(system) \(machine)" }

    /// The number of the system call that makes a file in memory, where it is known.
    var memoryFileCall: Int? {
        guard system == "Linux" else { return nil }
        return switch machine {
        case "x86_64": 319
        case "aarch64", "riscv64", "loongarch64": 279
        case "ppc64", "ppc64le", "ppc": 360
        case "s390x": 350
        default: nil
        }
    }
}

/// How an image travels.
package enum ImageCompression: String, Sendable, Hashable, CaseIterable {
    case none
    case gzip
    case xz

    /// What makes the image of it on the target, from standard input to standard output.
    var command: String {
        switch self {
        case .none: "cat"
        case .gzip: "gzip -dc"
        case .xz: "xz -dc"
        }
    }
}

/// A program that can be sent to a target.
package struct BootstrapImage: Sendable, Hashable {
    /// What the image is called in the caches of targets: a hash of its content, in hexadecimal digits.
    package let key: String
    /// The file's exact size in bytes.
    package let size: Int
    /// What it runs on.
    package let platform: TargetPlatform

    package init(key: String, size: Int, platform: TargetPlatform) {
        precondition(!key.isEmpty && key.utf8.allSatisfy(FirstStage.isWordByte), "an image's key is letters and digits")
        self.key = key
        self.size = size
        self.platform = platform
    }
}
