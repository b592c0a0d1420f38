//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import Mitogen

/// What `mitogen fakessh` is asked to do.
package struct FakeSSHOptions: Hashable, Sendable {
    /// Where ssh leads.
    package let target: TargetSpecification

    /// The program and its arguments; never empty.
    package let program: [ByteString]

    /// How long the program may run.
    package let timeout: Duration?

    /// How hops are connected.
    package let hops: HopSettings

    /// Whether connections that are held are used.
    package let usesHeld: Bool

    /// Checks the arguments of the command line.
    ///
    /// - Parameters:
    ///   - target: What `--target` names; otherwise the first word is the target.
    ///   - words: The words that are no options of the tool.
    /// - Throws: ``TargetSyntaxError`` or ``ArgumentError``.
    package init(target: String?, words: [String], timeout: String?, hops: HopSettings, usesHeld: Bool) throws {
        var words = words[...]
        guard let target = target ?? words.popFirst(), target != "--" else {
            throw ArgumentError("there is no target: mitogen fakessh TARGET -- PROGRAM [ARG...]")
        }
        if let next = words.first, next.hasPrefix("-"), next != "--" {
            let option = TerminalSanitizer.visible(next)
            throw ArgumentError("'\(option)' is no program: options of mitogen come before the target")
        }
        // Only the first "--" is the tool's.
        if words.first == "--" { words.removeFirst() }
        self.program = words.map(ByteArguments.bytes)
        guard let first = self.program.first else { throw ArgumentError("there is no program to run") }
        if first.bytes.isEmpty { throw ArgumentError("the name of the program to run is empty") }
        var selection = TargetSelection()
        try selection.add(list: target, kinds: hops.table.kinds)
        guard let only = selection.targets.first, selection.targets.count == 1 else {
            throw ArgumentError("ssh can lead to one target, not to \(selection.targets.count)")
        }
        try only.checkIsNoPython()
        self.target = only
        self.timeout = try timeout.map { (text) throws(ArgumentError) in try TimeoutArgument(parsing: text).duration }
        self.hops = hops
        self.usesHeld = usesHeld
    }
}
