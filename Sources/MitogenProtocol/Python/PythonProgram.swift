//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What brings the Python implementation to a Python interpreter (Mitogen semantics, section 5.1): the command that starts
/// it, and the program that it then reads.
///
/// Both are made by an installed Python package, whose words they are. Only the last line of the program, which says what
/// the new context is, is added here, for each context.
package struct PythonProgram: Sendable, Codable, Equatable {
    /// The words behind the interpreter, up to those that name the context and the size of the program.
    package var head: [String]
    /// The words behind these.
    package var tail: [String]
    /// The program without its last line: the beginning of a zlib stream (RFC 1950), which ends at a byte's end.
    package var beginning: [UInt8]
    /// The Adler-32 checksum of what that holds.
    package var checksum: UInt32
    /// What the last line says besides the context's own: items of a Python dictionary, without its braces.
    package var settings: String

    package init(head: [String], tail: [String], beginning: [UInt8], checksum: UInt32, settings: String) {
        self.head = head
        self.tail = tail
        self.beginning = beginning
        self.checksum = checksum
        self.settings = settings
    }

    /// Makes the beginning out of a text, without compressing it.
    package init(text: [UInt8], head: [String], tail: [String], settings: String) {
        var beginning: [UInt8] = [0x78, 0x01]
        for start in stride(from: 0, to: text.count, by: 0xffff) {
            Self.append(text[start..<min(start + 0xffff, text.count)], isLast: false, to: &beginning)
        }
        self.init(
            head: head,
            tail: tail,
            beginning: beginning,
            checksum: Self.adler32(text),
            settings: settings
        )
    }

    /// What is started, and what it reads.
    package func stage(interpreter: [String], name: String, for configuration: ChildConfiguration) -> PythonStage {
        let program = program(for: configuration)
        let name = FirstStage.harmless(name)
        return PythonStage(words: interpreter + head + [name, "\(program.count)"] + tail, program: program)
    }

    /// The whole program, as a zlib stream.
    func program(for configuration: ChildConfiguration) -> [UInt8] {
        let line = Array("\nExternalContext({\(Self.items(configuration)), \(settings)}).main()\n".utf8)
        var program = beginning
        Self.append(line[...], isLast: true, to: &program)
        let sum = Self.adler32(line, after: checksum)
        program += [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: sum >> $0) }
        return program
    }

    /// What the context is, as items of a Python dictionary.
    package static func items(_ configuration: ChildConfiguration) -> String {
        func literal(_ value: Bool) -> String { value ? "True" : "False" }
        let ancestors = configuration.parentIDs.map { "\($0)" }.joined(separator: ", ")
        return "'parent_ids': [\(ancestors)], 'context_id': \(configuration.contextID)"
            + ", 'debug': \(literal(configuration.debug)), 'profiling': \(literal(configuration.profiling))"
            + ", 'unidirectional': \(literal(configuration.unidirectional))"
            + ", 'max_message_size': \(configuration.maxMessageSize)"
    }

    /// Adds a block that is not compressed (RFC 1951, section 3.2.4).
    private static func append(_ bytes: ArraySlice<UInt8>, isLast: Bool, to stream: inout [UInt8]) {
        let count = UInt16(bytes.count)
        stream.append(isLast ? 1 : 0)
        for number in [count, ~count] { stream += [UInt8(truncatingIfNeeded: number), UInt8(number >> 8)] }
        stream += bytes
    }

    /// The checksum of RFC 1950, section 8.2.
    ///
    /// - Parameter before: That of the bytes in front.
    static func adler32(_ bytes: [UInt8], after before: UInt32 = 1) -> UInt32 {
        var (a, b) = (before & 0xffff, before >> 16)
        for byte in bytes {
            a = (a + UInt32(byte)) % 65521
            b = (b + a) % 65521
        }
        return b << 16 | a
    }
}

/// One start of a Python context.
package struct PythonStage: Sendable, Equatable {
    /// What is executed, from the interpreter on.
    package var words: [String]
    /// What is written when it says that it is ready for it; nothing is for one that has its program already.
    package var program: [UInt8]

    package init(words: [String], program: [UInt8] = []) {
        self.words = words
        self.program = program
    }

    /// Starts an interpreter with a text, which then says when it is ready.
    package init(interpreter: [String], source: String) {
        // Digits, because no quotes get through all shells.
        let digits = Array("0123456789abcdef")
        let text = String(source.utf8.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
        self.init(
            words: interpreter + ["-c", "import binascii,sys;exec(binascii.unhexlify(sys.argv[1]))", text]
        )
    }

    /// How far a Python context says that it has come.
    enum Progress: Sendable {
        /// It waits for its program.
        case waits
        /// It has it.
        case starts
        /// It is a context: what follows are frames.
        case isReady
    }

    private static let markers: [(text: [UInt8], progress: Progress)] = [
        (Array("MITO000".utf8), .waits), (Array("MITO001".utf8), .starts), (Array("MITO002".utf8), .isReady),
    ]

    /// What a line says; nil if it is something else. Login scripts may have printed something in front.
    static func progress(in line: [UInt8]) -> Progress? {
        let text = line.last == 13 ? line.dropLast() : line[...]
        return markers.first { text.suffix($0.text.count).elementsEqual($0.text) }?.progress
    }
}
