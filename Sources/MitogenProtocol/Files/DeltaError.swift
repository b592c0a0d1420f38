//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What is wrong with a signature or with operations that came from the other side.
package enum DeltaError: Error, Hashable, CustomStringConvertible {
    case signatureLength(expected: Int, found: Int)
    case numberTooLarge
    case emptyOperation
    case noSuchBlock
    case tooLong(fileSize: Int)
    case tooShort(fileSize: Int, missing: Int)
    case endsInsideOperation

    package var description: String {
        switch self {
        case .signatureLength(let expected, let found):
            "the signature has \(found) bytes instead of \(expected)"
        case .numberTooLarge: "an operation has a number that is too large"
        case .emptyOperation: "an operation is empty"
        case .noSuchBlock: "an operation copies a block that the old file does not have"
        case .tooLong(let fileSize): "the operations make more than the \(fileSize) bytes of the file"
        case .tooShort(let fileSize, let missing):
            "the operations end \(missing) bytes before the \(fileSize) bytes of the file"
        case .endsInsideOperation: "the operations end inside of one"
        }
    }
}
