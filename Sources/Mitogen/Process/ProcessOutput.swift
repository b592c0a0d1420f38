//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What a command writes, piece by piece, while it runs.
///
/// ``ProcessHost/withOutput(of:stdin:environment:workingDirectory:timeout:teardown:throwsOnFailure:_:)`` gives one to its closure.
/// It is gone through once: several iterations share the pieces. The command is suspended by its full pipes while nobody
/// asks for the next piece; at most 1 MiB is on the way.
///
/// The iteration throws ``MitogenError`` with the codes of
/// ``ProcessHost/run(_:stdin:environment:workingDirectory:timeout:teardown:outputLimit:throwsOnFailure:)``, and `.commandFailed`
/// after the last piece if the command is checked and has failed. After the closure has returned, it throws
/// `.cancelled`.
public struct ProcessOutput: AsyncSequence, Sendable {
    public enum Source: Sendable, Hashable {
        case standardOutput
        case standardError
    }

    /// Some of it.
    public struct Piece: Sendable, Hashable {
        public let source: Source
        public let bytes: [UInt8]
    }

    public typealias Element = Piece
    public typealias Failure = MitogenError

    let session: ProcessSession

    public func makeAsyncIterator() -> Iterator { Iterator(session: session) }

    /// The lines of one of the command's streams, without what ends them: a newline, and a carriage return before it.
    ///
    /// What the other stream has is read and dropped, but for the end of standard error, which errors have. Bytes that are
    /// not UTF-8 become U+FFFD.
    ///
    /// - Parameters:
    ///   - source: Which stream; standard output by default.
    ///   - longest: How many bytes a line may have; 1 MiB by default. A longer one makes the iteration throw `.misuse`.
    public func lines(
        of source: Source = .standardOutput,
        longest: Int = 1 << 20
    ) -> some AsyncSequence<String, MitogenError> & Sendable {
        ProcessLines(output: self, source: source, longest: longest)
    }

    /// The bytes of one of the command's streams, in pieces as they come. The other stream is treated as by ``lines(of:longest:)``.
    ///
    /// - Parameter source: Which stream; standard output by default.
    public func bytes(
        of source: Source = .standardOutput
    ) -> some AsyncSequence<[UInt8], MitogenError> & Sendable {
        ProcessBytes(output: self, source: source)
    }

    /// Reads and drops what is left, and waits for the command's end.
    ///
    /// - Returns: How it ended; the collected output is empty.
    /// - Throws: As the iteration.
    public func result() async throws(MitogenError) -> ProcessResult {
        while try await session.next() != nil {}
        return try await session.result()
    }

    public struct Iterator: AsyncIteratorProtocol {
        let session: ProcessSession

        /// The next piece; nil when the command has ended, and everything that it wrote was given out.
        public mutating func next(
            isolation actor: isolated (any Actor)? = #isolation
        ) async throws(MitogenError) -> Piece? {
            if let piece = try await session.next() { return piece }
            _ = try await session.result()
            return nil
        }
    }
}

/// The pieces of one stream of a command.
struct ProcessBytes: AsyncSequence, Sendable {
    typealias Element = [UInt8]
    typealias Failure = MitogenError

    let output: ProcessOutput
    let source: ProcessOutput.Source

    func makeAsyncIterator() -> Iterator { Iterator(output: output.makeAsyncIterator(), source: source) }

    struct Iterator: AsyncIteratorProtocol {
        var output: ProcessOutput.Iterator
        let source: ProcessOutput.Source

        mutating func next(
            isolation actor: isolated (any Actor)? = #isolation
        ) async throws(MitogenError) -> [UInt8]? {
            while let piece = try await output.next(isolation: actor) {
                if piece.source == source { return piece.bytes }
            }
            return nil
        }
    }
}

/// The lines of one stream of a command.
struct ProcessLines: AsyncSequence, Sendable {
    typealias Element = String
    typealias Failure = MitogenError

    let output: ProcessOutput
    let source: ProcessOutput.Source
    let longest: Int

    func makeAsyncIterator() -> Iterator {
        let bytes = ProcessBytes(output: output, source: source)
        return Iterator(bytes: bytes.makeAsyncIterator(), splitter: LineSplitter(longest: longest))
    }

    struct Iterator: AsyncIteratorProtocol {
        var bytes: ProcessBytes.Iterator
        var splitter: LineSplitter

        mutating func next(isolation actor: isolated (any Actor)? = #isolation) async throws(MitogenError) -> String? {
            while true {
                if let line = try splitter.next() { return line }
                if splitter.hasEnded { return nil }
                // A last line that nothing ends comes before the error of a command that has failed.
                do throws(MitogenError) {
                    if let piece = try await bytes.next(isolation: actor) {
                        splitter.add(piece)
                    } else {
                        splitter.end()
                    }
                } catch {
                    guard error.code == .commandFailed else { throw error }
                    splitter.end(with: error)
                }
            }
        }
    }
}
