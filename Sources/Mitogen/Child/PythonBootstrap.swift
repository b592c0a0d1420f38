//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import MitogenProtocol

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// The first words between a Python master and a Swift program that it starts as its child (Mitogen semantics, section
/// 5.1). The master's command stands behind an argument that tells the program so.
struct PythonBootstrap {
    /// What stands in front of the master's own words.
    static let argument = "mitogen:python"

    /// Takes what the master sends, given its words.
    typealias Begin = @Sendable ([String]) throws(MitogenError) -> (ChildConfiguration, PythonBootstrap?)

    /// What starts Python contexts below this one.
    let program: PythonProgram?

    /// Takes what the master sends.
    ///
    /// - Parameter words: The master's words.
    static func begin(words: [String]) throws(MitogenError) -> (ChildConfiguration, PythonBootstrap?) {
        try write("MITO000\n", to: 1)
        var received: [UInt8] = []
        while true {
            received += try read()
            guard let parent = try parse(received, words) else { continue }
            try write("MITO001\n", to: 1)
            return (parent.configuration, PythonBootstrap(program: parent.program))
        }
    }

    /// Nil if more is to come.
    private static func parse(_ bytes: [UInt8], _ words: [String]) throws(MitogenError) -> PythonParent? {
        do throws(PythonParent.Failure) {
            return try PythonParent(bytes, words: words)
        } catch {
            guard case .malformed(let reason) = error else { return nil }
            throw MitogenError(.streamError, "the Python master's program is not understood: \(reason)")
        }
    }

    /// Says that frames follow.
    func finish(on descriptor: Int32) throws(MitogenError) {
        try Self.write("MITO002\n", to: descriptor)
    }

    private static func read() throws(MitogenError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        // A tool such as sudo may have made the descriptor one that does not block.
        var watched = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
        while poll(&watched, 1, -1) < 0 && errno == EINTR {}
        let count = bytes.withUnsafeMutableBytes { cmitogen_read(0, $0.baseAddress, $0.count) }
        guard count > 0 else {
            throw MitogenError(.eofError, "the Python master was gone before it sent its program")
        }
        return Array(bytes[..<count])
    }

    private static func write(_ text: String, to descriptor: Int32) throws(MitogenError) {
        let bytes = Array(text.utf8)
        let count = bytes.withUnsafeBytes { cmitogen_write2(descriptor, $0.baseAddress, $0.count, nil, 0) }
        guard count == bytes.count else {
            throw .system("cannot answer the Python master", errno: Int32(-min(0, count)))
        }
    }
}
