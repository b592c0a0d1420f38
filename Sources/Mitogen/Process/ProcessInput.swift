//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// What a command reads from its standard input.
///
/// If what gives it fails, the command is ended rather than given half of its input, and the run throws.
public struct ProcessInput: Sendable {
    /// Gives the pieces of the input away, one after the other.
    typealias Writer = @Sendable (_ send: ([UInt8]) async throws -> Void) async throws -> Void

    /// Prepares the input before the command is started; nil for `/dev/null`.
    let open: @Sendable () throws(MitogenError) -> Writer?

    /// `/dev/null`.
    public static let null = ProcessInput { () throws(MitogenError) in nil }

    /// These bytes, then the end.
    public static func bytes(_ bytes: [UInt8]) -> ProcessInput {
        ProcessInput { () throws(MitogenError) in { send in try await send(bytes) } }
    }

    /// A text, in UTF-8, then the end.
    public static func string(_ text: String) -> ProcessInput { .bytes(Array(text.utf8)) }

    /// The content of a file of this machine, read as fast as the command reads it, then the end.
    ///
    /// The run throws, before the command is started, `.noSuchFile` or `.permissionDenied` if it cannot be opened, and
    /// `.misuse` if it is no regular file.
    ///
    /// - Parameter path: Where it is, seen from this process's working directory.
    public static func file(_ path: some ProcessWord) -> ProcessInput {
        ProcessInput { () throws(MitogenError) in
            let file = try InputFile(path.byteString)
            return { send in
                while let piece = try file.read() { try await send(piece) }
            }
        }
    }

    /// What the sequence gives, as it comes and as fast as the command reads it, then the end.
    ///
    /// The run throws `.inputFailed` if the sequence throws, or the error itself if that is a ``MitogenError``.
    public static func stream<Pieces: AsyncSequence & Sendable>(_ pieces: Pieces) -> ProcessInput
    where Pieces.Element == [UInt8] {
        ProcessInput { () throws(MitogenError) in
            { send in
                for try await piece in pieces { try await send(piece) }
            }
        }
    }
}

/// A file that a command reads.
private final class InputFile: Sendable {
    private static let pieceSize = 64 << 10

    private let path: ByteString
    private let descriptor: Int32

    init(_ path: ByteString) throws(MitogenError) {
        self.path = path
        let name = path.bytes.map { CChar(bitPattern: $0) } + [0]
        // First, because opening a device or the end of a FIFO is noticed on its other side.
        var status = stat()
        if stat(name, &status) == 0, status.st_mode & S_IFMT != S_IFREG { throw Self.notRegular(path) }
        descriptor = cmitogen_open_for_reading(name)
        // A socket, or a device that is not there.
        guard descriptor != -ENXIO else { throw Self.notRegular(path) }
        guard descriptor >= 0 else { throw Self.failure(path, -descriptor) }
        // Once more, as the path may lead to something else at any moment.
        guard fstat(descriptor, &status) == 0 else { throw Self.failure(path, errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw Self.notRegular(path) }
    }

    deinit {
        _ = systemClose(descriptor)
    }

    /// The next piece; nil at the end.
    func read() throws(MitogenError) -> [UInt8]? {
        var error: Int32 = 0
        let piece = [UInt8](unsafeUninitializedCapacity: Self.pieceSize) { buffer, count in
            let result = cmitogen_read(descriptor, buffer.baseAddress, buffer.count)
            error = result < 0 ? Int32(-result) : 0
            count = max(0, result)
        }
        guard error == 0 else { throw Self.failure(path, error) }
        return piece.isEmpty ? nil : piece
    }

    private static func notRegular(_ path: ByteString) -> MitogenError {
        MitogenError(.misuse, "\(path) is not a regular file")
    }

    private static func failure(_ path: ByteString, _ error: Int32) -> MitogenError {
        let code: MitogenError.Code =
            switch error {
            case ENOENT, ENOTDIR: .noSuchFile
            case EACCES, EPERM: .permissionDenied
            default: .fileError
            }
        return .system("cannot read \(path)", errno: error, code)
    }
}
