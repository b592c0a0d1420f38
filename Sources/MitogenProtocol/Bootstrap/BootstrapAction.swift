//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What the side that does the I/O has to do for a ``BootstrapMachine``.
package enum BootstrapAction: Sendable, Equatable {
    /// Write this to the far side's standard input.
    case send([UInt8])
    /// Type the password and a line end, on the terminal if there is one, else on standard input.
    case typePassword
    /// Type the key's passphrase and a line end, on the terminal.
    case typePassphrase
    /// Type `yes` and a line end, on the terminal.
    case acceptHostKey
    /// Find an image for this platform and answer with ``BootstrapMachine/found(_:)``.
    case findImage(TargetPlatform)
    /// Make one of these forms of the image, the best of which comes first, and answer with
    /// ``BootstrapMachine/upload(_:byteCount:sha256:)``.
    case compress(BootstrapImage, [ImageCompression])
    /// Write the image's bytes, in this form and exactly so many, behind what was sent before.
    case sendImage(ImageCompression, byteCount: Int)
    /// The program is being executed: write its configuration, and nothing more until it has answered.
    case configure
    /// The program has answered: these bytes and all that follow them are frames.
    case handOver([UInt8])
    /// The tool or its output has ended. Whatever else comes will come soon: call ``BootstrapMachine/graceDidEnd()``
    /// in a second, unless the attempt is settled by then.
    case expectEnd
    /// The attempt has failed. Nothing comes after this.
    case fail(BootstrapFailure)
}
