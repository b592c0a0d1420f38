//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What ssh's options with one letter mean here: those of OpenSSH 10, whose `getopt` string is
/// `1246ab:c:e:fgi:kl:m:no:p:qstvxAB:CD:E:F:GI:J:KL:MNO:P:Q:R:S:TVw:W:XYy`.
enum SSHOption: Equatable {
    case flag
    case value
    case refused(String)

    private static let valued = "bceilmopBEFIJPS"
    private static let flags = "1246agknqstvxACKMTVXYy"
    private static let forwarding = "the connection is mitogen's, and forwards nothing"

    /// Nil for a letter that ssh does not have.
    init?(_ letter: UInt8) {
        switch letter {
        case UInt8(ascii: "D"), UInt8(ascii: "L"), UInt8(ascii: "R"), UInt8(ascii: "W"), UInt8(ascii: "w"):
            self = .refused(Self.forwarding)
        case UInt8(ascii: "N"): self = .refused("without a command there is nothing to do")
        case UInt8(ascii: "f"): self = .refused("the connection ends with the program that was started")
        case UInt8(ascii: "O"): self = .refused("there is no ControlMaster")
        case UInt8(ascii: "G"), UInt8(ascii: "Q"): self = .refused("no ssh runs that it could be asked of")
        case _ where Self.valued.utf8.contains(letter): self = .value
        case _ where Self.flags.utf8.contains(letter): self = .flag
        default: return nil
        }
    }
}
