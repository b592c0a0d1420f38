//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import MitogenProtocol

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// An open file or folder, which is closed with the last reference.
package final class Descriptor: Sendable {
    package let number: Int32

    init(_ number: Int32) {
        self.number = number
    }

    deinit {
        close(number)
    }

    /// What a relative path is relative to.
    package static let workingDirectory = Descriptor(AT_FDCWD)
}

/// Calls the operating system with a name as it wants it.
func withName<Result>(_ name: [UInt8], _ body: (UnsafePointer<CChar>) -> Result) -> Result {
    (name + [0]).withUnsafeBufferPointer { bytes in
        bytes.withMemoryRebound(to: CChar.self) { name in
            guard let start = name.baseAddress else { preconditionFailure("a buffer with an element has an address") }
            return body(start)
        }
    }
}

extension FileFailure {
    /// - Parameters:
    ///   - code: A negative or positive errno.
    ///   - action: What was tried, as in "cannot open it".
    init(errno code: Int, _ path: [UInt8], _ action: String) {
        let code = Int32(truncatingIfNeeded: code.magnitude)
        let reason: Reason =
            switch code {
            case ENOENT: .noSuchFile
            case EACCES, EPERM: .permissionDenied
            case EROFS: .readOnly
            case ENOSPC, EDQUOT: .diskFull
            case EISDIR: .isFolder
            case ENOTDIR: .isNotFolder
            case ELOOP: .unsafePath
            default: .other
            }
        let text = code == EDQUOT ? "the disk quota is used up" : String(cString: strerror(code))
        self.init(reason, path, "cannot \(action): \(text)")
    }
}

/// The result of a call that gives a negative errno for a failure.
@discardableResult
func check<Number: SignedInteger>(
    _ result: Number,
    _ path: [UInt8],
    _ action: @autoclosure () -> String
) throws(FileFailure) -> Number {
    guard result < 0 else { return result }
    throw FileFailure(errno: Int(result), path, action())
}
