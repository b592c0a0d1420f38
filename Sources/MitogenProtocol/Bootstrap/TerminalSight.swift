//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What can be seen of a terminal that a tool asks on, and of the tool (termios(3), proc(5)).
package struct TerminalSight: Sendable, Equatable {
    /// Whether `ECHO` is off.
    package var hidesInput: Bool
    /// Whether what is typed is read in lines (`ICANON`).
    package var takesLines: Bool
    /// Whether the tool has started another process, or that is not known.
    package var toolHasChildren: Bool

    package init(hidesInput: Bool, takesLines: Bool, toolHasChildren: Bool) {
        self.hidesInput = hidesInput
        self.takesLines = takesLines
        self.toolHasChildren = toolHasChildren
    }
}
