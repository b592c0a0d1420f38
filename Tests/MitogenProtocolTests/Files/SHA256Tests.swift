//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import CMitogenPlatform
import Foundation
import Testing

@Suite("SHA-256")
struct SHA256Tests {
    /// As `sha256sum` of the GNU coreutils prints them.
    @Test(
        "Known messages have their known digests",
        arguments: [
            (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (1, "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
            (55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"),
            (56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"),
            (64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"),
            (1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
        ]
    )
    func knownMessages(count: Int, expected: String) {
        let message = [UInt8](repeating: UInt8(ascii: "a"), count: count)
        #expect(Self.hex(Self.digest(message)) == expected)
        #expect(Self.hex(Self.portableDigest(message)) == expected)
    }

    @Test(
        "The processor's instructions and the portable code agree at every length and alignment around block boundaries"
    )
    func bothAgree() {
        let bytes = (0..<1200).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ $0 >> 3) }
        for length in 0...1024 {
            let message = Array(bytes[(length % 17)..<(length % 17 + length)])
            let digest = Self.digest(message)
            guard digest != Self.portableDigest(message) else { continue }
            Issue.record("they differ for \(length) bytes")
        }
    }

    @Test("Where the kernel names the processor's instructions for SHA-256, they are used")
    func usesTheProcessor() throws {
        let text = try #require(try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))
        let words = Set(text.split { $0 == " " || $0 == "\n" || $0 == "\t" })
        #expect(cmitogen_sha256_uses_processor() == (words.contains("sha_ni") || words.contains("sha2")))
    }

    private static func digest(_ bytes: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        bytes.withUnsafeBytes { cmitogen_sha256($0.baseAddress, $0.count, &digest) }
        return digest
    }

    private static func portableDigest(_ bytes: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        bytes.withUnsafeBytes { cmitogen_sha256_portable($0.baseAddress, $0.count, &digest) }
        return digest
    }

    private static func hex(_ digest: [UInt8]) -> String {
        digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
