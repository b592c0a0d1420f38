//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What a command's words are made of: `String`, or ``ByteString`` for those that need not be UTF-8.
public protocol ProcessWord: Sendable, Hashable {
    /// The word as the operating system has it.
    var byteString: ByteString { get }
}

extension String: ProcessWord {
    /// The text in UTF-8.
    public var byteString: ByteString { ByteString(self) }
}

extension ByteString: ProcessWord {
    /// The string itself.
    public var byteString: ByteString { self }
}
