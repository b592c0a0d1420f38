//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Gives every line of its input to the runtime as a type name. It says before each which one it is, so that the last
/// number tells which name crashed the runtime or kept it busy.
@main
enum DemangleFuzz {
    static func main() {
        var index = 0
        while let name = readLine() {
            say("\(index)")
            let start = ContinuousClock.now
            let type = _typeByName(name)
            let elapsed = ContinuousClock.now - start
            if elapsed > .seconds(1) { say("slow \(index) \(elapsed)") }
            if let type { say("type \(index) \(_mangledTypeName(type) ?? "?")") }
            index += 1
        }
        say("done \(index)")
    }

    /// Writes a line at once: what is buffered is lost in a crash.
    private static func say(_ text: String) {
        let line = Array("\(text)\n".utf8)
        _ = line.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
    }
}
