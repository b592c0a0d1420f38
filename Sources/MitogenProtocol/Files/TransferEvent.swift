//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import MitogenPickle

/// What who writes files tells who reads them. Targets are named by their numbers in the plan.
package enum TransferEvent: Sendable, Hashable {
    /// Items can be sent to this handle of the context that says so.
    case ready(handle: UInt32)
    /// How much of the file whose entry came last is there already.
    case offset(Int)
    /// The data of the entry with this number (the first is 0) is of no use to anybody here.
    case unwanted(Int)
    /// A target could not write something; it goes on with what comes next.
    case failed(target: Int, FileFailure)
    /// A target has written all that it could.
    case done(target: Int, TransferCounts)
    /// A target has given up.
    case lost(target: Int, FileFailure)
}

/// How much was transferred.
package struct TransferCounts: Sendable, Hashable {
    /// Files, folders and links.
    package var entries = 0
    /// Bytes of files, without holes and what was there before.
    package var bytes = 0
    /// What could not be read or written.
    package var failures = 0

    package init() {}
}

extension TransferCounts: PickleValueConvertible {
    package var pickleValue: PickleValue { .tuple([.int(entries), .int(bytes), .int(failures)]) }

    package init(pickleValue: PickleValue) throws(PickleError) {
        var fields = try PickleFields(pickleValue)
        entries = try fields.integer()
        bytes = try fields.integer()
        failures = try fields.integer()
    }
}

extension TransferEvent: PickleValueConvertible {
    package var pickleValue: PickleValue {
        switch self {
        case .ready(let handle): .tuple([.int(0), .integer(handle)])
        case .offset(let offset): .tuple([.int(1), .int(offset)])
        case .unwanted(let entry): .tuple([.int(2), .int(entry)])
        case .failed(let target, let failure): .tuple([.int(3), .int(target), failure.pickleValue])
        case .done(let target, let counts): .tuple([.int(4), .int(target), counts.pickleValue])
        case .lost(let target, let failure): .tuple([.int(5), .int(target), failure.pickleValue])
        }
    }

    package init(pickleValue: PickleValue) throws(PickleError) {
        var fields = try PickleFields(pickleValue)
        switch try fields.integer() {
        case 0: self = .ready(handle: try fields.number())
        case 1: self = .offset(max(0, try fields.integer()))
        case 2: self = .unwanted(try fields.integer())
        case 3: self = .failed(target: try fields.integer(), try FileFailure(pickleValue: fields.value()))
        case 4: self = .done(target: try fields.integer(), try TransferCounts(pickleValue: fields.value()))
        case 5: self = .lost(target: try fields.integer(), try FileFailure(pickleValue: fields.value()))
        default: throw PickleError(.typeMismatch, "expected news of a transfer")
        }
    }
}
