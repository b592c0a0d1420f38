//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The kind of machine that a program is for, in the words of `uname -sm`.
public struct TargetPlatform: Sendable, Hashable, CustomStringConvertible {
    /// The operating system, e.g. `Linux`.
    public let system: String
    /// The processor, e.g. `x86_64` or `aarch64`.
    public let machine: String

    public init(system: String, machine: String) {
        self.system = system
        self.machine = machine
    }

    /// What a target says about itself. It becomes a part of paths and messages: all but letters, digits, dots, hyphens
    /// and low lines is replaced.
    package init(reported system: String, _ machine: String) {
        func harmless(_ word: String) -> String {
            let bytes = word.utf8.prefix(64).map { byte in
                FirstStage.isWordByte(byte) || "._-".utf8.contains(byte) ? byte : UInt8(ascii: "_")
            }
            return String(decoding: bytes, as: UTF8.self)
        }
        self.init(system: harmless(system), machine: harmless(machine))
    }

    /// The system and the machine with a space between them, as `uname -sm` prints them.
    public var description: String { "\(system) \(machine)" }

    /// What an ELF file for it has as its machine; nil where that is not known.
    package var elfMachine: Int? { Self.elfMachines.first { $0.names.contains(machine) }?.number }

    /// What `uname` calls an ELF file's machine; its number where that is not known.
    package static func machineName(elf number: Int) -> String {
        elfMachines.first { $0.number == number }?.names.first ?? "machine \(number)"
    }

    // Only 64-bit, little-endian ones: images are read as such.
    private static let elfMachines: [(number: Int, names: [String])] = [
        (62, ["x86_64", "amd64"]), (183, ["aarch64", "arm64"]), (243, ["riscv64"]), (21, ["ppc64le"]),
        (258, ["loongarch64"]),
    ]

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

/// How an image travels to a target.
public enum ImageCompression: String, Sendable, Hashable, CaseIterable {
    /// As it is.
    case none
    /// Compressed by `gzip -9`.
    case gzip
    /// Compressed by `xz -6`.
    case xz

    /// What makes it of the image, from standard input to standard output; empty for none.
    package var compressor: [String] {
        switch self {
        case .none: []
        case .gzip: ["gzip", "-9", "-c"]
        case .xz: ["xz", "-6", "-c"]
        }
    }

    /// What the compressed form begins with.
    package var magic: [UInt8] {
        switch self {
        case .none: []
        case .gzip: [0x1F, 0x8B]
        case .xz: [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]
        }
    }

    /// What makes the image of it, from standard input to standard output.
    package var decompressor: [String] {
        switch self {
        case .none: ["cat"]
        case .gzip: ["gzip", "-dc"]
        case .xz: ["xz", "-dc"]
        }
    }
}

/// A program that can be sent to a target.
package struct BootstrapImage: Sendable, Equatable {
    /// What the image is called in the caches of targets: a hash of its content, in hexadecimal digits.
    package let key: String
    /// The file's exact size in bytes.
    package let size: Int
    /// What it runs on.
    package let platform: TargetPlatform

    package init(key: String, size: Int, platform: TargetPlatform) {
        precondition(Self.isKey(key), "an image's key is letters and digits")
        self.key = key
        self.size = size
        self.platform = platform
    }

    /// Whether a text can be an image's key, or its hash: it becomes a part of paths and of the script.
    package static func isKey(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 128 && text.utf8.allSatisfy(FirstStage.isWordByte)
    }
}
