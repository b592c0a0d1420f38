//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// How a container's first process is found, by what its engine's tool prints (Mitogen semantics, section 7.12).
package enum ContainerLeader: Sendable, Hashable {
    /// It runs, under this number on this machine.
    case running(Int32)
    case notRunning
    /// What runs on this machine is the program that imitates a machine: its namespaces are not those inside.
    case virtualMachine
    /// The tool did not say.
    case unknown

    /// The command line that asks for it.
    ///
    /// - Parameter program: The tool, if it is not the usual one.
    package static func arguments(_ tool: ContainerTool, program: String?, container: String) -> [String] {
        let program = program ?? self.program(tool)
        return switch tool {
        case .docker, .podman: [program, "inspect", "--format={{.State.Pid}}", container]
        case .lxc: [program, "-n", container]
        case .machinectl: [program, "status", container]
        default: [program, "info", container]
        }
    }

    /// The tool that is asked, which is not always the one that leads into containers.
    package static func program(_ tool: ContainerTool) -> String { tool == .lxc ? "lxc-info" : tool.program }

    /// Understands what the tool has printed.
    package init(_ tool: ContainerTool, said lines: [String]) {
        let words = lines.map { $0.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init) }
        switch tool {
        case .docker, .podman:
            // Warnings may stand before it.
            let number = words.last { $0.count == 1 && Int32($0[0]) != nil }
            self = Self.process(number?[0])
        case .lxc, .lxd, .incus:
            // The newer ones write `PID:` where the older ones have `Pid:`.
            if Self.value("type:", words) == "virtual-machine" {
                self = .virtualMachine
            } else if let number = Self.value("pid:", words) {
                self = Self.process(number)
            } else {
                let state = Self.value(tool == .lxc ? "state:" : "status:", words)?.lowercased()
                self = state == nil || state == "running" ? .unknown : .notRunning
            }
        default:
            self = Self.isVirtual(words) ? .virtualMachine : Self.process(Self.value("leader:", words))
        }
    }

    /// machined says `Class: vm`, or `Service: libvirt-qemu; class vm`.
    private static func isVirtual(_ lines: [[String]]) -> Bool {
        for line in lines {
            guard let name = line.first else { continue }
            // What follows the unit is what the machine has logged.
            if name == "Unit:" { break }
            if name == "Class:" || name == "Service:" { return line.last == "vm" }
        }
        return false
    }

    private static func process(_ text: String?) -> ContainerLeader {
        guard let text, let number = Int32(text) else { return .unknown }
        return number > 0 ? .running(number) : .notRunning
    }

    /// The second word of the first line that begins with a word: what follows later may be a container's own words.
    private static func value(_ name: String, _ lines: [[String]]) -> String? {
        lines.first { $0.count > 1 && $0[0].lowercased() == name }?[1]
    }
}
