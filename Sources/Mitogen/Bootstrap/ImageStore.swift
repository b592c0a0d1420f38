//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import MitogenProtocol
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// The images that one router sends: its own program's, those for other platforms, which lie beside it as
/// `<program>-<system>-<machine>`, and those that a ``PayloadProvider`` or another context has supplied.
final class ImageStore: Sendable {
    /// An image as it travels.
    struct Upload: Sendable {
        let compression: ImageCompression
        let bytes: [UInt8]
        /// The hash of the image itself.
        let sha256: String
    }

    fileprivate enum Content: Sendable {
        case file(String)
        case memory(Upload)
    }

    private struct State {
        /// What was asked for or supplied, by the images' keys.
        var contents: [String: Content] = [:]
        /// What was supplied, by the platforms' names. Each other type of keys costs some KB of every payload.
        var supplied: [String: BootstrapImage] = [:]
        /// What the provider is being asked for.
        var searches: [String: OneShot<BootstrapImage?>] = [:]
        var uploads: [String: OneShot<Upload>] = [:]
        /// What has arrived so far, by the senders and the images' keys.
        var deliveries: [String: [UInt8]] = [:]
    }

    let path: String
    private let provider: (any PayloadProvider)?
    private let compression: ImageCompression
    private let broker: Broker
    private let state = Mutex(State())
    /// The program's own image as something to execute, and its key.
    private let copy = Mutex<(key: String, program: ProgramDescriptor)?>(nil)

    init(path: String, provider: (any PayloadProvider)?, compression: ImageCompression, broker: Broker) {
        self.path = path
        self.provider = provider
        self.compression = compression
        self.broker = broker
    }

    static let ownPlatform: TargetPlatform = {
        var names = utsname()
        uname(&names)
        func text<Field>(_ field: Field) -> String {
            withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        }
        return TargetPlatform(system: text(names.sysname), machine: text(names.machine))
    }()

    // MARK: Finding

    /// The program's own image.
    ///
    /// - Throws: ``MitogenError`` with `.imageUnusable` if it would not run elsewhere.
    func own() throws(MitogenError) -> BootstrapImage {
        try image(at: path, for: Self.ownPlatform)
    }

    /// A copy of the program's own image, in memory, that can be executed and not be changed. Contexts share it.
    ///
    /// - Throws: ``MitogenError`` with `.imageUnusable` if it would not run elsewhere, or cannot be copied.
    func privateCopy() throws(MitogenError) -> ProgramDescriptor {
        let key = try own().key
        return try copy.withLock { copy throws(MitogenError) in
            if let copy, copy.key == key { return copy.program }
            let program = try ProgramDescriptor(copying: path)
            copy = (key, program)
            return program
        }
    }

    /// Where the file with the image for another platform is looked for.
    func path(for platform: TargetPlatform) -> String {
        "\(Self.resolved(path))-\(platform.system)-\(platform.machine)"
    }

    /// The image for a platform: this program, a file beside it, or what was supplied; nil if there is none.
    ///
    /// - Throws: ``MitogenError`` with `.imageUnusable` for one that was found and is of no use.
    func find(_ platform: TargetPlatform) async throws(MitogenError) -> BootstrapImage? {
        if platform == Self.ownPlatform { return try own() }
        let file = path(for: platform)
        if cmitogen_file_size(file) >= 0 { return try image(at: file, for: platform) }
        if let supplied = state.withLock({ $0.supplied[platform.description] }) { return supplied }
        return try await provided(for: platform)
    }

    func search(_ platform: TargetPlatform) async -> Result<BootstrapImage?, MitogenError> {
        do throws(MitogenError) { return .success(try await find(platform)) } catch { return .failure(error) }
    }

    private func image(at path: String, for platform: TargetPlatform) throws(MitogenError) -> BootstrapImage {
        let identity = try ImageIdentity.check(
            ImageIdentity.front(of: path),
            path == ProcessIdentity.executablePath ? "this program" : path,
            for: platform
        )
        let size = cmitogen_file_size(path)
        guard size > 0 else { throw .system("cannot read the image \(path)", errno: Int32(-size), .imageUnusable) }
        state.withLock { $0.contents[identity] = .file(path) }
        return BootstrapImage(key: identity, size: Int(size), platform: platform)
    }

    // MARK: What is supplied

    /// What the provider has for a platform. It is asked once, whoever waits.
    private func provided(for platform: TargetPlatform) async throws(MitogenError) -> BootstrapImage? {
        guard let provider else { return nil }
        let (shot, isFirst) = state.withLock { state in
            if let known = state.searches[platform.description] { return (known, false) }
            let shot = OneShot<BootstrapImage?>()
            state.searches[platform.description] = shot
            return (shot, true)
        }
        if isFirst {
            // Unstructured, because others wait for it, too: it does not end with the task that was first.
            Task(executorPreference: FunctionExecutor.shared) { [self] in
                shot.resolve(await ask(provider, for: platform))
            }
        }
        return try await shot.value()
    }

    private func ask(
        _ provider: any PayloadProvider,
        for platform: TargetPlatform
    ) async -> Result<BootstrapImage?, MitogenError> {
        // Only what was found is kept; it is in its place before the search is over.
        defer { state.withLock { $0.searches[platform.description] = nil } }
        do {
            guard let payload = try await provider.payload(for: platform) else { return .success(nil) }
            let image = try accept(payload, for: platform)
            state.withLock { $0.supplied[platform.description] = image }
            return .success(image)
        } catch let error as MitogenError {
            return .failure(error)
        } catch {
            return .failure(
                MitogenError(.imageUnusable, "the PayloadProvider has failed to supply \(platform): \(error)")
            )
        }
    }

    private func accept(_ payload: Payload, for platform: TargetPlatform) throws(MitogenError) -> BootstrapImage {
        switch payload {
        case .file(let path): return try image(at: path, for: platform)
        case .bytes(let bytes):
            let front = Array(bytes.prefix(ImageIdentity.frontSize))
            let key = try ImageIdentity.check(front, "what the PayloadProvider has supplied", for: platform)
            let upload = Upload(compression: .none, bytes: bytes, sha256: Self.sha256(bytes))
            state.withLock { $0.contents[key] = .memory(upload) }
            return BootstrapImage(key: key, size: bytes.count, platform: platform)
        }
    }

    /// Takes a piece of an image that an ancestor sends.
    ///
    /// - Throws: ``MitogenError`` with `.misuse` if it does not fit to what has arrived.
    func receive(_ piece: ImageDelivery, from sender: ContextID) throws(MitogenError) {
        guard let compression = ImageCompression(rawValue: piece.compression), piece.size > 0,
            BootstrapImage.isKey(piece.key), BootstrapImage.isKey(piece.sha256), piece.sha256.utf8.count == 64
        else { throw MitogenError(.misuse, "this is no image") }
        let platform = TargetPlatform(reported: piece.system, piece.machine)
        let key = "\(sender) \(piece.key)"
        let isInOrder = state.withLock { state in
            var bytes = piece.offset == 0 ? [] : state.deliveries.removeValue(forKey: key) ?? []
            guard bytes.count == piece.offset, piece.bytes.count <= piece.byteCount - piece.offset else { return false }
            bytes += piece.bytes
            guard bytes.count == piece.byteCount else {
                state.deliveries[key] = bytes
                return true
            }
            let upload = Upload(compression: compression, bytes: bytes, sha256: piece.sha256)
            state.deliveries[key] = nil
            state.contents[piece.key] = .memory(upload)
            state.supplied[platform.description] = BootstrapImage(key: piece.key, size: piece.size, platform: platform)
            return true
        }
        if !isInOrder { throw MitogenError(.misuse, "the pieces of an image came in a wrong order") }
    }

    // MARK: Compressing

    /// The best of the forms that can be made here. Made once, whoever asks.
    func compressed(_ image: BootstrapImage, _ offers: [ImageCompression]) async -> Result<Upload, MitogenError> {
        let content = state.withLock { $0.contents[image.key] }
        let form = [content?.form, compression, .gzip].compactMap { $0 }.first(where: offers.contains) ?? .none
        let key = "\(image.key).\(form)"
        let (shot, isFirst) = state.withLock { state in
            if let known = state.uploads[key] { return (known, false) }
            let shot = OneShot<Upload>()
            state.uploads[key] = shot
            return (shot, true)
        }
        if isFirst {
            let result = await make(image, content, form)
            // What has failed may succeed for the next one, with more memory or another file.
            if case .failure = result { state.withLock { $0.uploads[key] = nil } }
            shot.resolve(result)
        }
        return await shot.wait()
    }

    private func make(
        _ image: BootstrapImage,
        _ content: Content?,
        _ form: ImageCompression
    ) async -> Result<Upload, MitogenError> {
        if case .memory(let held)? = content, held.compression == form { return .success(held) }
        guard let content, let raw = await self.raw(content) else {
            return .failure(MitogenError(.imageUnusable, "cannot read the image \(image.key)"))
        }
        let hash = Self.sha256(raw)
        if form != .none, let bytes = await compress(content, raw, sha256: hash, form) {
            return .success(Upload(compression: form, bytes: bytes, sha256: hash))
        }
        return .success(Upload(compression: .none, bytes: raw, sha256: hash))
    }

    private func raw(_ content: Content) async -> [UInt8]? {
        switch content {
        case .file(let path): return ImageFiles.contents(of: path)
        case .memory(let held) where held.compression == .none: return held.bytes
        case .memory(let held):
            guard let input = ImageFiles.temporary(held.bytes) else { return nil }
            return await ImageFiles.filter(input, held.compression.decompressor, broker)
        }
    }

    /// The image compressed by this machine's tool, which is also kept in the user's cache; nil if there is no tool.
    /// It is kept by its hash: a program from which the symbols were removed has the same build id as before.
    private func compress(
        _ content: Content,
        _ raw: [UInt8],
        sha256: String,
        _ form: ImageCompression
    ) async -> [UInt8]? {
        let suffix = form == .gzip ? "gz" : form.rawValue
        let cache = ImageFiles.cacheDirectory.map { "\($0)/\(sha256).\(suffix)" }
        if let cache, let bytes = ImageFiles.contents(of: cache), bytes.starts(with: form.magic) { return bytes }
        let input: Int32?
        if case .file(let path) = content { input = ImageFiles.open(path) } else { input = ImageFiles.temporary(raw) }
        guard let input, let bytes = await ImageFiles.filter(input, form.compressor, broker),
            bytes.starts(with: form.magic)
        else { return nil }
        if let cache { _ = bytes.withUnsafeBytes { cmitogen_write_file(cache, $0.baseAddress, $0.count) } }
        return bytes
    }

    private static func resolved(_ path: String) -> String {
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private static func sha256(_ bytes: [UInt8]) -> String {
        var digest = [UInt8](repeating: 0, count: 32)
        bytes.withUnsafeBytes { cmitogen_sha256($0.baseAddress, $0.count, &digest) }
        return digest.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}

extension ImageStore.Content {
    /// The form that is there without any work.
    fileprivate var form: ImageCompression? {
        if case .memory(let held) = self, held.compression != .none { held.compression } else { nil }
    }
}
