//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Logging
internal import MitogenPickle
internal import MitogenProtocol

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

extension RemoteFailure {
    /// What is told about an error that a function here ended with.
    init(of error: any Error, in router: Router, data: [UInt8]) {
        let function = (try? CallRequest(decoding: data)).map { request in
            request.isTyped
                ? (try? FunctionTable.shared.type(named: request.function)).map { displayedName(of: $0) }
                    ?? request.function
                : request.registeredName
        }
        self.init(of: error, in: router, function: function ?? "a malformed call")
    }

    /// What is told about an error that something here ended with.
    init(of error: any Error, in router: Router, function: String) {
        let place = "  in \(function), context \(router.contextID), pid \(getpid())"
        if error is CancellationError || (error as? MitogenError)?.code == .cancelled {
            self.init(typeName: Self.cancellationTypeName, message: "the function was cancelled", traceback: place)
        } else if let error = error as? MitogenError {
            let inner = error.remote?.traceback.map { "\n\($0)" } ?? ""
            // What another function has thrown keeps its type, through however many contexts it is passed on.
            let origin = error.code == .callError && error.remote?.typeName.isEmpty == false ? error.remote : nil
            self.init(
                typeName: origin?.typeName ?? "Mitogen.MitogenError.\(error.code)",
                message: origin?.message ?? error.message,
                traceback: place + inner,
                value: origin?.value,
                typeIdentifier: origin?.typeIdentifier
            )
        } else {
            self.init(
                typeName: String(reflecting: type(of: error)),
                message: "\(error)",
                traceback: place,
                value: Self.value(of: error, from: function, router),
                typeIdentifier: _mangledTypeName(type(of: error))
            )
        }
    }

    private static func value(of error: any Error, from function: String, _ router: Router) -> PickleValue? {
        do throws(PickleError) {
            return try value(of: error)
        } catch {
            // Its type and text are told all the same.
            router.logger.warning("the value of an error that \(function) has thrown is not sent: \(error)")
            return nil
        }
    }
}
