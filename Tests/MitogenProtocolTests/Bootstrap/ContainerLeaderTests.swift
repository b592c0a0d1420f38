//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Testing

@testable import MitogenProtocol

@Suite("A container's first process")
struct ContainerLeaderTests {
    @Test(
        "Each tool is asked in its own words",
        arguments: [
            (.docker, ["docker", "inspect", "--format={{.State.Pid}}", "app"]),
            (.podman, ["podman", "inspect", "--format={{.State.Pid}}", "app"]),
            (.lxc, ["lxc-info", "-n", "app"]), (.lxd, ["lxc", "info", "app"]), (.incus, ["incus", "info", "app"]),
            (.machinectl, ["machinectl", "status", "app"]),
        ] as [(ContainerTool, [String])]
    )
    func arguments(tool: ContainerTool, expected: [String]) {
        #expect(ContainerLeader.arguments(tool, program: nil, container: "app") == expected)
        let other = ContainerLeader.arguments(tool, program: "/opt/tool", container: "app")
        #expect(other == ["/opt/tool"] + expected.dropFirst())
    }

    @Test(
        "What a tool prints is understood",
        arguments: [
            (.docker, "10251\n", .running(10251)), (.docker, "WARNING: 7 things\n10251", .running(10251)),
            (.docker, "0", .notRunning), (.docker, "-1", .notRunning), (.docker, "", .unknown),
            (.docker, "10251 1", .unknown), (.docker, "99999999999", .unknown),
            (.docker, "\nError: No such object: app", .unknown), (.podman, "10847", .running(10847)),
            (.lxc, "Name:           app\nState:          RUNNING\nPID:            11760\n", .running(11760)),
            (.lxc, "Name:  app\nState:  STOPPED\n", .notRunning), (.lxc, "app doesn't exist", .unknown),
            (.lxd, "Name: app\nStatus: RUNNING\nType: container\nPID: 12525\nResources:\n", .running(12525)),
            (.lxd, "Name: app\nStatus: Running\nType: persistent\nPid: 12525\n", .running(12525)),
            (.lxd, "Name: app\nStatus: STOPPED\nType: container\n", .notRunning),
            (.lxd, "Name: app\nStatus: RUNNING\nType: virtual-machine\nPID: 12525\n", .virtualMachine),
            (.incus, "Name: app\nDescription: \nStatus: RUNNING\nPID: 13168\n", .running(13168)),
            (
                .machinectl,
                "Failed to query unit\napp(76f2)\n\t   Since: Mon; 1min ago\n\t  Leader: 21603 (sleep)\n",
                .running(21603)
            ),
            // What the machine itself has logged comes after it.
            (.machinectl, "app\n  Leader: 5 (init)\n  Leader: 1 (init)\nLeader: 2", .running(5)),
            (.machinectl, "app\n  Leader: 5 (init)\n Service: systemd-nspawn; class container\n", .running(5)),
            (.machinectl, "app\n  Leader: 5 (qemu)\n Service: libvirt-qemu; class vm\n", .virtualMachine),
            (.machinectl, "app\n  Leader: 5 (qemu)\n   Class: vm\n    Unit: app.scope\n", .virtualMachine),
            (.machinectl, "app\n  Leader: 5 (init)\n   Class: container\n    Unit: a\n Class: vm", .running(5)),
            (.machinectl, "Could not get path to machine: No machine 'app' known", .unknown),
        ] as [(ContainerTool, String, ContainerLeader)]
    )
    func output(tool: ContainerTool, text: String, expected: ContainerLeader) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        #expect(ContainerLeader(tool, said: lines) == expected)
    }

    @Test(
        "What a tool says instead has a meaning",
        arguments: [
            (.docker, "Error: No such object: app", .noSuchContainer),
            (
                .docker,
                "template parsing error: template: :1:8: executing \"\" at <.State.Pid>: map has no entry for key "
                    + "\"State\"", .noSuchContainer
            ),
            (.podman, "Error: inspecting object: no such object: \"app\"", .noSuchContainer),
            (
                .podman,
                "Error: inspecting object: printing inspect output: template: inspect:1:19: executing \"inspect\" at "
                    + "<.State.Pid>: can't evaluate field State in type interface {}", .noSuchContainer
            ),
            (.lxc, "app doesn't exist", .noSuchContainer),
            (.lxd, "Error: Instance not found", .noSuchContainer),
            (.machinectl, "Could not get path to machine: No machine 'app' known", .noSuchContainer),
            (.machinectl, "Failed to connect to bus: Host is down", .engineUnavailable),
        ] as [(ContainerTool, String, ContainerFailure)]
    )
    func failures(tool: ContainerTool, line: String, expected: ContainerFailure) {
        #expect(ContainerFailure(tool, said: ["", line]) == expected)
    }
}
