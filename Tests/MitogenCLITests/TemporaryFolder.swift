//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import Glibc
import Testing

/// Gives a body a folder, which is removed with what is in it when the body has ended.
func withFolder(_ body: (String) throws -> Void) throws {
    var template = Array("/tmp/mitogen-cli-test-XXXXXX".utf8CString)
    try #require(mkdtemp(&template) != nil)
    let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
}
