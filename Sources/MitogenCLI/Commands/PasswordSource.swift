//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Where a password comes from: never from the command line or the environment, which others can see.
enum PasswordSource: Hashable, Sendable {
    /// The first line of a file; `-` is standard input.
    case file(String)
    /// The terminal, without echo.
    case terminal(prompt: String)

    /// - Throws: ``ArgumentError`` if both are asked for.
    init?(asks: Bool, file: String?, prompt: String, option: String) throws(ArgumentError) {
        if asks, file != nil { throw ArgumentError("--ask-\(option) and --\(option)-file exclude each other") }
        if let file {
            self = .file(file)
        } else if asks {
            self = .terminal(prompt: prompt)
        } else {
            return nil
        }
    }

    /// Reads the password.
    ///
    /// - Throws: ``ArgumentError`` if there is none.
    func read() throws(ArgumentError) -> Secret {
        switch self {
        case .file(let path): try Self.readFile(path)
        case .terminal(let prompt): try Self.ask(prompt)
        }
    }

    private static func readFile(_ path: String) throws(ArgumentError) -> Secret {
        let descriptor = path == "-" ? dup(0) : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw ArgumentError(
                "cannot read the password file '\(path)': \(String(cString: strerror(errno)))",
                isAboutFile: true
            )
        }
        defer { close(descriptor) }
        return try readLine(from: descriptor, "the password file '\(path)' is empty")
    }

    private static func ask(_ prompt: String) throws(ArgumentError) -> Secret {
        try secret(PasswordPrompt().ask(prompt), "no password was typed")
    }

    /// Byte by byte, so that nothing behind the line is taken: standard input may go on.
    private static func readLine(from descriptor: Int32, _ whenEmpty: String) throws(ArgumentError) -> Secret {
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while bytes.count < 4096, systemRead(descriptor, &byte, 1) == 1, byte != UInt8(ascii: "\n") {
            bytes.append(byte)
        }
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        return try secret(bytes, whenEmpty, isAboutFile: true)
    }

    private static func secret(
        _ bytes: [UInt8],
        _ whenEmpty: String,
        isAboutFile: Bool = false
    ) throws(ArgumentError) -> Secret {
        guard !bytes.isEmpty else { throw ArgumentError(whenEmpty, isAboutFile: isAboutFile) }
        let text = String(decoding: bytes, as: UTF8.self)
        // Another password would be tried otherwise.
        guard text.utf8.elementsEqual(bytes) else {
            throw ArgumentError("the password is not UTF-8", isAboutFile: isAboutFile)
        }
        return Secret(text)
    }
}

private func systemRead(_ descriptor: Int32, _ bytes: UnsafeMutablePointer<UInt8>, _ count: Int) -> Int {
    read(descriptor, bytes, count)
}
