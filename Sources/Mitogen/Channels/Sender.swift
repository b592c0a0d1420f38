//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

public import MitogenPickle
public import MitogenProtocol

/// Sends values to a receiver, from any context (Mitogen semantics, section 6.2).
///
/// A receiver makes one with ``Receiver/makeSender()``. It can be an argument or a result of a remote function, or a
/// value that is itself sent, and then sends to the same receiver from there; to Python peers it is a
/// `mitogen.core.Sender`.
public struct Sender<Element: Codable & Sendable>: PickleValueConvertible, Sendable {
    private let end: SenderEnd

    /// What sends to a handle of a context.
    ///
    /// - Parameters:
    ///   - context: The receiver's context.
    ///   - handle: The receiver's handle there.
    public init(to context: Context, handle: Handle) {
        end = SenderEnd(context: context, handle: handle)
    }

    /// The receiver's context.
    public var context: Context { end.context }
    /// The receiver's handle in its context.
    public var handle: Handle { end.handle }

    /// Sends a value, waiting while the receiver has not taken enough of what this context has sent before: while 256
    /// values or 1 MiB are under way.
    ///
    /// Returning means that the value is on its way, in order, not that it was taken. A receiver in another language
    /// does not hold its senders up; then only the way out of this context does.
    ///
    /// - Parameters:
    ///   - value: The value.
    ///   - timeout: How long to wait at most; for ever by default.
    /// - Throws: ``MitogenError``: `.channelError` if the receiver is known to be gone, this sender was closed, or the
    ///   value is larger than a message may be; `.timeoutError`; `.cancelled` if the calling task is; `.unencodable`;
    ///   `.misuse` if the sender was decoded where no router is known. Nothing is sent then.
    public func send(_ value: Element, timeout: Duration? = nil) async throws(MitogenError) {
        let data: [UInt8]
        do throws(PickleError) {
            data = try PickleEncoder(options: end.writerOptions).encode(value)
        } catch {
            throw MitogenError(.unencodable, "cannot encode \(Element.self): \(error)", context: context.name)
        }
        try await end.send(data, within: timeout)
    }

    /// Tells the receiver that this was all: its iteration ends, a `get` fails with `.channelError`.
    ///
    /// Values whose `send` still waits come first. Copies of this sender are closed with it; senders that were decoded
    /// on their own are not. Harmless when repeated, and for a sender that was decoded where no router is known, which
    /// cannot have sent anything.
    public func close() {
        end.close()
    }

    // MARK: In messages

    public var pickleValue: PickleValue { .sender(contextID: context.id, handle: handle) }

    /// Takes the sender that a message names; it sends through the router of the running remote function.
    ///
    /// No receiver has a reserved handle: values sent there would be orders, given with this context's authority.
    public init(pickleValue: PickleValue) throws(PickleError) {
        guard case .sender(let id, let handle) = pickleValue, handle >= StandardHandle.firstFree else {
            throw PickleError(.typeMismatch, "expected a sender")
        }
        self.init(to: try Context(pickleValue: .context(id: id, name: nil)), handle: handle)
    }
}

extension Sender: CustomStringConvertible {
    public var description: String { "Sender(\(context), \(handle))" }
}
