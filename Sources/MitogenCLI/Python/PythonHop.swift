//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

extension HopKind {
    /// A Python interpreter on the machine that the hop before it leads to.
    package static let python = HopKind(
        name: "python",
        argument: .optional("INTERPRETER"),
        help: "a Python interpreter, as the last hop of 'mitogen py'; python3 by default"
    ) { interpreter in
        PythonTarget.words(interpreter).isEmpty ? "may not be empty" : nil
    }
}

/// A target of `mitogen py`: an interpreter, and where it is.
struct PythonTarget: Sendable, Hashable {
    /// What leads to the interpreter's machine.
    let place: TargetSpecification
    /// The interpreter's command.
    let interpreter: [String]

    /// - Parameters:
    ///   - target: As it is written, with a last hop to Python or without.
    ///   - interpreter: The command if it has none.
    /// - Throws: ``ArgumentError`` if something follows the hop to Python.
    init(_ target: TargetSpecification, interpreter: [String]) throws(ArgumentError) {
        guard let hop = target.hops.firstIndex(where: \.isPython) else {
            self.place = target
            self.interpreter = interpreter
            return
        }
        guard hop == target.hops.count - 1 else {
            throw ArgumentError(
                "target '\(TerminalSanitizer.visible(target.canonicalText))': 'python' is the last hop of a target; "
                    + "nothing can follow it"
            )
        }
        // As elsewhere, no hop at all is a child of this process.
        self.place = hop == 0 ? TargetSpecification(hops: [Hop(kind: HopKind.local.name)]) : target.prefix(hop)
        self.interpreter = target.hops[hop].argument.map(Self.words) ?? interpreter
    }

    /// The words of a command.
    static func words(_ command: String) -> [String] { command.split(separator: " ").map(String.init) }
}

extension TargetSpecification {
    /// Refuses a target that leads to Python, for a command that needs a copy of this program there.
    func checkIsNoPython() throws(ArgumentError) {
        guard self.hops.contains(where: \.isPython) else { return }
        throw ArgumentError(
            "target '\(TerminalSanitizer.visible(self.canonicalText))': the hop 'python' is for 'mitogen py', which calls a "
                + "Python function; leave it out here"
        )
    }
}

extension Hop {
    fileprivate var isPython: Bool { self.kind == HopKind.python.name }
}
