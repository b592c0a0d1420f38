//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import Mitogen
package import MitogenPickle
package import MitogenProtocol

/// Compares and changes files as its caller says, who has those that they are to become.
package struct SyncFiles: RemoteStream {
    package var destination: [UInt8]
    /// Whether the destination has to be a folder; see ``FileDestination``.
    package var isFolder: Bool
    package var options: FileTransferOptions

    package init(destination: [UInt8], isFolder: Bool, options: FileTransferOptions) {
        self.destination = destination
        self.isFolder = isFolder
        self.options = options
    }

    package func run(in context: ExternalContext, yield: StreamWriter<SyncEvent>) async throws {
        let target: SyncTarget
        do throws(FileFailure) {
            target = try SyncTarget(path: destination, isFolder: isFolder, options: options)
        } catch {
            return try await yield(.gaveUp(error))
        }
        let receiver = try Receiver<SyncStep>(router: context.router, respondent: context.caller)
        try await yield(.ready(handle: receiver.handle))
        var answers: [SyncEvent] = []
        while true {
            let step = try await receiver.get()
            var isMore: Bool
            repeat {
                isMore = target.take(step, &answers)
                for answer in answers {
                    try await yield(answer)
                    switch answer {
                    case .done, .gaveUp: return
                    default: break
                    }
                }
                answers.removeAll()
            } while isMore
        }
    }
}

extension SyncFiles: PickleValueConvertible {
    package var pickleValue: PickleValue {
        .tuple([.bytes(destination), .bool(isFolder), options.pickleValue])
    }

    package init(pickleValue: PickleValue) throws(PickleError) {
        var fields = try PickleFields(pickleValue)
        destination = try fields.bytes()
        isFolder = try fields.bool()
        options = try FileTransferOptions(pickleValue: fields.value())
    }
}
