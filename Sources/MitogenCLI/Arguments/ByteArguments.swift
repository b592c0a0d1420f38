//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import ArgumentParser
internal import Mitogen

/// The words of the command line as strings that lose no byte.
///
/// The argument parser knows strings only, and a string cannot hold what is not UTF-8. Such a byte stands in it as a
/// character of the last private area, U+10F700 and the byte; where such a character was typed, so do its own bytes.
enum ByteArguments {
    private static let escapes: ClosedRange<UInt32> = 0x10f780...0x10f7ff

    /// The words that this process was given, without its name.
    static func ofProcess() -> [String] {
        let words = UnsafeBufferPointer(start: CommandLine.unsafeArgv, count: Int(CommandLine.argc))
        return words.dropFirst().compactMap { word in word.map { Self.escaped(Self.bytes(of: $0)) } }
    }

    private static func bytes(of word: UnsafeMutablePointer<CChar>) -> [UInt8] {
        var bytes: [UInt8] = []
        var next = word
        while next.pointee != 0 {
            bytes.append(UInt8(bitPattern: next.pointee))
            next += 1
        }
        return bytes
    }

    /// The string for these bytes.
    static func escaped(_ bytes: [UInt8]) -> String {
        var text = String.UnicodeScalarView()
        func append(_ value: UInt32) {
            // Every value that comes here is one: the decoder makes no others.
            if let scalar = Unicode.Scalar(value) { text.append(scalar) }
        }
        func escape(_ byte: UInt8) { append(Self.escapes.lowerBound - 0x80 + UInt32(byte)) }
        func handle(_ element: UTF8StreamDecoder.Element) {
            switch element {
            case .scalar(let value) where Self.escapes.contains(value):
                var own: [UInt8] = []
                UTF8StreamDecoder.append(value, to: &own)
                own.forEach(escape)
            case .scalar(let value): append(value)
            case .invalid(let byte): escape(byte)
            }
        }
        var decoder = UTF8StreamDecoder()
        for byte in bytes { decoder.decode(byte, handle) }
        decoder.finish(handle)
        return String(text)
    }

    /// The bytes that a string stands for.
    static func bytes(of text: String) -> ByteString {
        var bytes: [UInt8] = []
        for scalar in text.unicodeScalars {
            if Self.escapes.contains(scalar.value) {
                bytes.append(UInt8(truncatingIfNeeded: scalar.value))
            } else {
                UTF8StreamDecoder.append(scalar.value, to: &bytes)
            }
        }
        return ByteString(bytes: bytes)
    }

    /// A message with `\xe9` for a byte that is not UTF-8.
    static func visible(_ text: String) -> String {
        guard self.hasEscapes(text) else { return text }
        return text.unicodeScalars.reduce(into: "") { result, scalar in
            if Self.escapes.contains(scalar.value) {
                result += "\\x\(String(UInt8(truncatingIfNeeded: scalar.value), radix: 16))"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
    }

    private static func hasEscapes(_ text: String) -> Bool {
        text.unicodeScalars.contains { Self.escapes.contains($0.value) }
    }

    /// Refuses bytes that are not UTF-8 where a string is needed.
    ///
    /// - Parameters:
    ///   - words: All words of the command line.
    ///   - command: What they were parsed to.
    /// - Throws: `ValidationError`.
    static func check(_ words: [String], of command: any ParsableCommand) throws {
        // The longest first, as the end of a word is looked for: `--env=NAME=VALUE` is one.
        var accepted = (command as? any TakesByteArguments)?.byteArguments.filter(self.hasEscapes) ?? []
        accepted.sort { $0.utf8.count > $1.utf8.count }
        for word in words where self.hasEscapes(word) {
            if let place = accepted.firstIndex(where: { word.hasSuffix($0) }) {
                accepted.remove(at: place)
                continue
            }
            throw ValidationError(
                "'\(TerminalSanitizer.visible(word))' is not UTF-8, which only paths and the command's arguments, --env, "
                    + "--cwd and --script need not be"
            )
        }
    }
}

/// A command with words that need not be UTF-8.
protocol TakesByteArguments: ParsableCommand {
    var byteArguments: [String] { get }
}

extension RunCommand: TakesByteArguments {
    var byteArguments: [String] {
        self.command + self.environment + [self.directory, self.script].compactMap(\.self)
    }
}
