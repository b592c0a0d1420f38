//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol
internal import Synchronization

/// The sender's end of a message that travels in parts.
final class PartTransfer: Sendable {
    let gate = Gate(Window(Credit(items: .max, bytes: MessagePart.window), first: MessagePart.firstWindow))
    private let arrival = OneShot<Void>()
    private let hasCredit = Atomic<Bool>(false)

    /// Takes what the receiver answers: credit, that the message is whole, or why it is not taken.
    func receive(_ answer: Message) {
        if answer.isDead { return end(with: MitogenError(dead: answer)) }
        guard answer.data.count <= 20, let count = Int(String(decoding: answer.data, as: UTF8.self)) else {
            return _ = arrival.resolve(.success(()))
        }
        gate.add(Credit(bytes: count))
        // With the first credit the whole window is open.
        guard !hasCredit.exchange(true, ordering: .relaxed) else { return }
        gate.add(Credit(bytes: MessagePart.window - MessagePart.firstWindow))
    }

    func end(with error: MitogenError) {
        gate.close(with: error)
        arrival.resolve(.failure(error))
    }

    /// Waits until the message is whole at the other end.
    ///
    /// - Returns: What is resolved then, if the calling task is cancelled before: all has been sent.
    func waitUntilArrived() async throws(MitogenError) -> OneShot<Void>? {
        do throws(MitogenError) {
            try await arrival.value()
        } catch {
            guard let outcome = arrival.outcome else { return arrival }
            try outcome.get()
        }
        return nil
    }
}
