//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

#if Tracing || Metrics
    /// Why a call has failed, as metrics and spans say it.
    struct CallFailure: Sendable {
        /// The name of a ``MitogenError/Code-swift.struct``: `callError` if the function threw an error of its own.
        let code: String
        let message: String

        /// What has become of a call that was made here; nil if its function has returned.
        init?(_ outcome: PendingReply.Outcome) {
            switch outcome {
            case .failure(let error): self.init(error)
            case .success(let answer) where answer.isDead:
                self.init(MitogenError(dead: answer))
            case .success(let answer):
                guard Self.mayBeFailure(answer.data), case .callError(let text)? = try? answer.rawValue(localID: .max)
                else { return nil }
                let remote = RemoteFailure(callErrorText: text)
                self.init(
                    code: Self.known(remote.libraryCode) ?? remote.error.code.description,
                    message: remote.message
                )
            }
        }

        /// What a function that ran here has thrown.
        init(_ error: any Error) {
            switch error {
            case let error as MitogenError: self.init(code: error.code.description, message: error.message)
            case is CancellationError:
                self.init(code: MitogenError.Code.cancelled.description, message: "the function was cancelled")
            default: self.init(code: MitogenError.Code.callError.description, message: "\(error)")
            }
        }

        private init(code: String, message: String) {
            self.code = code
            self.message = message
        }

        /// Answers are not decoded twice unless they begin as errors do, with a global.
        private static func mayBeFailure(_ data: [UInt8]) -> Bool {
            data.count > 2 && data[2] == UInt8(ascii: "c")
        }

        /// A peer writes what it likes: a name of another form is none of the codes.
        private static func known(_ code: MitogenError.Code?) -> String? {
            guard let name = code?.description, 1...40 ~= name.utf8.count,
                name.utf8.allSatisfy({ 0x61...0x7A ~= $0 | 0x20 })
            else { return nil }
            return name
        }
    }
#endif
