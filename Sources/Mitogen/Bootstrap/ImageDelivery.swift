//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol
internal import Synchronization

/// A piece of an image, for a context that makes a connection to another platform than its own. It may only call
/// what is below it, so it cannot fetch the image: whoever has asked for the connection sends it.
struct ImageDelivery: RemoteFunction {
    /// How much is sent at once: calls to the same context do not wait long behind it.
    static let pieceSize = 256 << 10

    var key: String
    var size: Int
    var sha256: String
    var system: String
    var machine: String
    var compression: String
    /// How many bytes there are in this form.
    var byteCount: Int
    var offset: Int
    var bytes: [UInt8]

    func run(in context: ExternalContext) async throws {
        try context.router.images().receive(self, from: context.caller.id)
    }
}

/// The images that a router sends, or has sent, to contexts that make connections.
final class ImageDeliveries: Sendable {
    /// By the contexts and the platforms.
    private let shots = Mutex<[String: OneShot<BootstrapImage?>]>([:])

    /// The delivery with this key, and whether it is a new one.
    func begin(_ key: String) -> (OneShot<BootstrapImage?>, isFirst: Bool) {
        shots.withLock { shots in
            if let known = shots[key] { return (known, false) }
            let shot = OneShot<BootstrapImage?>()
            shots[key] = shot
            return (shot, true)
        }
    }

    /// It was not done: the next one tries again.
    func forget(_ key: String) {
        shots.withLock { $0[key] = nil }
    }
}

extension Router {
    /// Sends a context the image for another platform, unless it has got it already.
    ///
    /// - Parameter failure: What it said when it had none.
    /// - Throws: ``MitogenError`` with `.noImage` if this context has none either, `.imageUnusable`, `.timeoutError`.
    func deliverImage(
        for platform: TargetPlatform,
        to context: Context,
        until deadline: ContinuousClock.Instant,
        after failure: MitogenError
    ) async throws(MitogenError) {
        let key = "\(context.id) \(platform)"
        let (shot, isFirst) = imageDeliveries.begin(key)
        if isFirst {
            // Unstructured, because others wait for it, too. It ends with its last call, which ends with the context.
            Task(executorPreference: FunctionExecutor.shared) { [self] in
                do throws(MitogenError) {
                    let image = try await deliver(platform, to: context)
                    if image == nil { imageDeliveries.forget(key) }
                    shot.resolve(.success(image))
                } catch {
                    imageDeliveries.forget(key)
                    shot.resolve(.failure(error))
                }
            }
        }
        let what = "the image for \(platform) did not reach \(context.name)"
        let limit = max(.zero, deadline - .now)
        let place = failure.context ?? context.name
        do throws(MitogenError) {
            let image = try await shot.value(within: limit, on: broker, what)
            if image != nil { return }
        } catch {
            throw error.inContext(place)
        }
        let error = BootstrapFailure.noImage(for: platform, at: images().path(for: platform)).error.inContext(place)
        throw failure.connection.map { error.after($0) } ?? error
    }

    /// Nil if there is no image to deliver.
    private func deliver(
        _ platform: TargetPlatform,
        to context: Context
    ) async throws(MitogenError) -> BootstrapImage? {
        let images = images()
        guard let image = try await images.find(platform) else { return nil }
        let upload = try await images.compressed(image, [.gzip, .none]).get()
        let step = min(ImageDelivery.pieceSize, maxMessageSize / 2)
        for offset in stride(from: 0, to: upload.bytes.count, by: step) {
            let piece = ImageDelivery(
                key: image.key,
                size: image.size,
                sha256: upload.sha256,
                system: platform.system,
                machine: platform.machine,
                compression: upload.compression.rawValue,
                byteCount: upload.bytes.count,
                offset: offset,
                bytes: Array(upload.bytes[offset..<min(offset + step, upload.bytes.count)])
            )
            try await context.call(piece)
        }
        return image
    }
}
