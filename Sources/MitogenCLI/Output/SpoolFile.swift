//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Glibc

/// A temporary file without a name: it goes away with the value, or with the process however that ends.
final class SpoolFile: Sendable {
    private let descriptor: Int32
    private let directory: String

    /// Makes a file that only this user can open, and removes its name at once.
    init(in directory: String) throws(OutputError) {
        while true {
            // The name cannot be guessed, and O_EXCL follows no link that somebody may have put there nevertheless.
            let path = "\(directory)/mitogen-output-\(String(UInt64.random(in: .min ... .max), radix: 36))"
            let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            if descriptor >= 0 {
                unlink(path)
                self.descriptor = descriptor
                self.directory = directory
                return
            }
            guard errno == EEXIST || errno == EINTR else {
                throw .temporaryFile(.create, directory: directory, errno: errno)
            }
        }
    }

    /// Takes ownership of an open file.
    init(takingOwnershipOf descriptor: Int32, directory: String) {
        self.descriptor = descriptor
        self.directory = directory
    }

    deinit {
        close(self.descriptor)
    }

    /// Writes all bytes at an offset.
    func write(_ bytes: [UInt8], at offset: Int) throws(OutputError) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                pwrite(
                    self.descriptor,
                    buffer.baseAddress.map { $0 + written },
                    buffer.count - written,
                    off_t(offset + written)
                )
            }
            if count > 0 {
                written += count
            } else if count == 0 {
                throw .temporaryFile(.write, directory: self.directory, errno: ENOSPC)
            } else if errno != EINTR {
                throw .temporaryFile(.write, directory: self.directory, errno: errno)
            }
        }
    }

    /// Reads up to `count` bytes at an offset, which must be inside the file.
    func read(at offset: Int, count: Int) throws(OutputError) -> [UInt8] {
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initializedCount in
            var result: Int
            repeat {
                result = pread(self.descriptor, buffer.baseAddress, count, off_t(offset))
            } while result < 0 && errno == EINTR
            failure = result < 0 ? errno : 0
            initializedCount = max(0, result)
        }
        // Nobody else can shorten the file, so an early end is an error of the disk.
        guard failure == 0, !bytes.isEmpty else {
            throw .temporaryFile(.read, directory: self.directory, errno: failure == 0 ? EIO : failure)
        }
        return bytes
    }
}
