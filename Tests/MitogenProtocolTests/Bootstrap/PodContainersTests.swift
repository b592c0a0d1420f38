//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol
import Testing

@Suite("Containers of pods")
struct PodContainersTests {
    @Test("What kubectl tells of a pod, whatever is around it")
    func answer() {
        let lines = ["W0101 deprecated", "standard=side", "names=main side"]
        #expect(PodContainers(said: lines)?.names == ["main", "side"])
        #expect(PodContainers(said: lines)?.standard == "side")
        #expect(PodContainers(said: ["standard=", "names=main side"])?.standard == "main")
        #expect(PodContainers(said: ["standard=gone", "names=main"])?.standard == "main")
        #expect(PodContainers(said: ["Error from server (NotFound): pods \"x\" not found"]) == nil)
        #expect(PodContainers(said: ["standard=", "names="]) == nil)
        #expect(PodContainers.query("deployment/web").prefix(2) == ["get", "deployment/web"])
    }

    @Test(
        "A pod and its container read as in a target",
        arguments: [
            (nil, nil, "web"), ("shop", nil, "shop/web"), (nil, "app", "/web/app"), ("shop", "app", "shop/web/app"),
        ] as [(String?, String?, String)]
    )
    func path(namespace: String?, container: String?, path: String) {
        var target = ContainerTarget(.kubectl, "web")
        target.namespace = namespace
        target.podContainer = container
        #expect(target.podPath == path)
    }

    @Test(
        "The container that kubectl says it has taken is known",
        arguments: [
            ("Defaulted container \"main\" out of: main, side\n", "main"),
            ("Defaulting container name to main.\nUse 'kubectl describe pod/web' to see all.\n", "main"),
            ("Something else\n", nil),
        ] as [(String, String?)]
    )
    func chosen(text: String, container: String?) throws {
        var machine = BootstrapMachine(try FirstStageTests.stage())
        machine.container = ContainerTarget(.kubectl, "web")
        _ = machine.receive(diagnostics: text.utf8)
        #expect(machine.podContainer == container)
    }
}
