//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// The images that one router sends: its own program's, and those for other platforms, which lie beside it as
/// `<program>-<system>-<machine>`.
final class ImageStore: Sendable {
    /// An image as it travels.
    struct Upload: Sendable {
        let compression: ImageCompression
        let bytes: [UInt8]
        /// The hash of the image itself.
        let sha256: String
    }

    private let path: String
    private let broker: Broker
    /// Where the images that were asked for lie, by their keys.
    private let paths = Mutex<[String: String]>([:])
    private let uploads = Mutex<[String: OneShot<Upload>]>([:])

    init(path: String, broker: Broker) {
        self.path = path
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

    /// The program's own image.
    func own() throws(MitogenError) -> BootstrapImage {
        try image(at: path, for: Self.ownPlatform)
    }

    /// The image for a platform; nil if there is none.
    func find(_ platform: TargetPlatform) async -> BootstrapImage? {
        if platform == Self.ownPlatform { return try? own() }
        return try? image(at: "\(Self.resolved(path))-\(platform.system)-\(platform.machine)", for: platform)
    }

    private func image(at path: String, for platform: TargetPlatform) throws(MitogenError) -> BootstrapImage {
        let identity = try ImageIdentity.ofFile(path)
        let size = cmitogen_file_size(path)
        guard size > 0 else { throw .system("cannot read the image \(path)", errno: Int32(-size), .imageUnusable) }
        paths.withLock { $0[identity] = path }
        return BootstrapImage(key: identity, size: Int(size), platform: platform)
    }

    /// The best of the forms that can be made here. Made once, whoever asks.
    func compressed(_ image: BootstrapImage, _ forms: [ImageCompression]) async -> Result<Upload, MitogenError> {
        let form = forms.contains(.gzip) ? ImageCompression.gzip : .none
        let key = "\(image.key).\(form)"
        let (shot, isFirst) = uploads.withLock { uploads in
            if let known = uploads[key] { return (known, false) }
            let shot = OneShot<Upload>()
            uploads[key] = shot
            return (shot, true)
        }
        if isFirst { shot.resolve(make(image, form)) }
        return await shot.wait()
    }

    private func make(_ image: BootstrapImage, _ form: ImageCompression) -> Result<Upload, MitogenError> {
        guard let path = paths.withLock({ $0[image.key] }), let raw = Self.contents(of: path) else {
            return .failure(MitogenError(.imageUnusable, "cannot read the image \(image.key)"))
        }
        let hash = Self.sha256(raw)
        if form == .gzip, let bytes = compress(path, key: image.key) {
            return .success(Upload(compression: .gzip, bytes: bytes, sha256: hash))
        }
        return .success(Upload(compression: .none, bytes: raw, sha256: hash))
    }

    /// The image compressed by this machine's gzip, which is also kept in the user's cache; nil if there is no gzip.
    private func compress(_ path: String, key: String) -> [UInt8]? {
        let cache = Self.cacheDirectory.map { "\($0)/\(key).gz" }
        if let cache, let bytes = Self.contents(of: cache), !bytes.isEmpty { return bytes }
        let input = cmitogen_open_for_reading(path)
        guard input >= 0 else { return nil }
        defer { _ = systemClose(input) }
        var pipe: [Int32] = [0, 0]
        guard cmitogen_pipe(&pipe, false) >= 0 else { return nil }
        defer { _ = systemClose(pipe[0]) }
        let process = try? SpawnedProcess(
            SpawnRequest(
                arguments: ["gzip", "-9", "-c"],
                environment: ProcessIdentity.environment,
                directory: nil,
                descriptors: (.descriptor(input), .descriptor(pipe[1]), .null)
            ),
            broker: broker
        )
        _ = systemClose(pipe[1])
        guard process != nil else { return nil }
        let bytes = Self.readAll(pipe[0])
        guard bytes.starts(with: [0x1F, 0x8B]) else { return nil }
        if let cache { _ = bytes.withUnsafeBytes { cmitogen_write_file(cache, $0.baseAddress, $0.count) } }
        return bytes
    }

    // MARK: Files

    private static var cacheDirectory: String? {
        guard let home = getenv("HOME") else { return nil }
        let directory = String(cString: home) + "/.cache/mitogen"
        return cmitogen_make_directories(directory) == 0 ? directory : nil
    }

    private static func resolved(_ path: String) -> String {
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private static func contents(of path: String) -> [UInt8]? {
        let descriptor = cmitogen_open_for_reading(path)
        guard descriptor >= 0 else { return nil }
        defer { _ = systemClose(descriptor) }
        return readAll(descriptor)
    }

    private static func readAll(_ descriptor: Int32) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 256 << 10)
        while true {
            let count = cmitogen_read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return bytes }
            bytes += buffer[..<count]
        }
    }

    private static func sha256(_ bytes: [UInt8]) -> String {
        var digest = [UInt8](repeating: 0, count: 32)
        bytes.withUnsafeBytes { cmitogen_sha256($0.baseAddress, $0.count, &digest) }
        return digest.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}
