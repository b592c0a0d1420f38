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

/// What a test takes where its usual form does less than was promised: `MITOGEN_LONG_TESTS=1`, which
/// `scripts/test-transfers` sets.
enum LongTests {
    static let areOn = getenv("MITOGEN_LONG_TESTS").map { String(cString: $0) == "1" } ?? false

    static func pick<Value>(_ usual: Value, long: Value) -> Value { areOn ? long : usual }
}
