//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// An archive of one file, in the form that POSIX calls ustar, as container engines take them.
package enum TarArchive {
    private static let blockSize = 512

    /// What comes before the content of a file that everybody may read and execute, and that belongs to root.
    ///
    /// - Parameter name: The path in the archive; 100 bytes at most.
    package static func header(name: String, size: Int) -> [UInt8] {
        precondition(name.utf8.count <= 100, "the name does not fit")
        var block = [UInt8](repeating: 0, count: blockSize)
        func set(_ text: String, at place: Int) {
            for (index, byte) in text.utf8.enumerated() { block[place + index] = byte }
        }
        set(name, at: 0)
        set(octal(0o555, digits: 7), at: 100)
        set(octal(0, digits: 7), at: 108)
        set(octal(0, digits: 7), at: 116)
        set(octal(size, digits: 11), at: 124)
        set(octal(0, digits: 11), at: 136)
        set("0", at: 156)
        set("ustar", at: 257)
        set("00", at: 263)
        // The sum is that of the block with spaces in its place.
        set("        ", at: 148)
        set(octal(block.reduce(0) { $0 + Int($1) }, digits: 6) + "\0 ", at: 148)
        return block
    }

    /// What comes after the content: zeros up to a whole block, and two blocks of them as the end.
    package static func trailer(size: Int) -> [UInt8] {
        let rest = size % blockSize
        return [UInt8](repeating: 0, count: (rest == 0 ? 0 : blockSize - rest) + 2 * blockSize)
    }

    private static func octal(_ number: Int, digits: Int) -> String {
        let text = String(number, radix: 8)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
}
