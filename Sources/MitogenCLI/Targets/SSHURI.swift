//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The `ssh://` URI, as OpenSSH takes it: `ssh://[USER@]HOST[:PORT]`, with percent-encoding (RFC 3986) in the user.
enum SSHURI {
    /// What stands behind `ssh:` in a target, if it is the rest of a URI; nil if it is none.
    ///
    /// - Returns: The same as `[USER@]HOST[:PORT]`, with a backslash before what targets would misread in the user.
    /// - Throws: ``TargetSyntaxError`` if there is a password in it.
    static func destination(_ text: Substring) throws(TargetSyntaxError) -> String? {
        guard text.hasPrefix("//") else { return nil }
        var rest = text.dropFirst(2)
        if rest.last == "/" { rest = rest.dropLast() }
        guard let at = rest.utf8.lastIndex(of: UInt8(ascii: "@")) else { return String(rest) }
        guard !rest[..<at].utf8.contains(UInt8(ascii: ":")) else {
            // What was typed is not shown once more.
            throw .invalidArgument(
                hop: HopKind.ssh.name,
                placeholder: "the URI",
                argument: "//…",
                problem: "may not have a password, which others can see: use --ask-password or --password-file"
            )
        }
        let user = Self.decoded(rest[..<at])
        return TargetEscape.escaped(user[...]) + rest[at...]
    }

    private static func decoded(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8
        while let byte = rest.popFirst() {
            let digits = rest.prefix(2)
            if byte == UInt8(ascii: "%"), digits.count == 2, let value = UInt8(String(Substring(digits)), radix: 16) {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
