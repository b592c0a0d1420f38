//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Mitogen
import Testing

@testable import MitogenCLI

@Suite("Targets in containers")
struct ContainerDestinationTests {
    @Test(
        "A container's name may have a user in front of it",
        arguments: [("app", nil, "app"), ("www-data@app", "www-data", "app"), ("1000:50@app.1", "1000:50", "app.1")]
            as [(String, String?, String)],
        ["docker", "podman", "buildah", "jail", "setns-docker", "setns-machinectl"]
    )
    func containers(destination: (String, String?, String), kind: String) throws {
        let target = try TargetSpecification(parsing: "ssh:web1+sudo+\(kind):\(destination.0)")
        #expect(target.hops.last == Hop(kind: kind, argument: destination.0))
        #expect(ContainerDestination(destination.0).user == destination.1)
        #expect(ContainerDestination(destination.0).name == destination.2)
    }

    @Test(
        "A pod has a namespace in front of it, and a container behind it",
        arguments: [
            ("api", nil, "api", nil), ("shop/api", "shop", "api", nil), ("shop/api/server", "shop", "api", "server"),
            ("/api/server", nil, "api", "server"),
        ] as [(String, String?, String, String?)]
    )
    func pods(text: String, namespace: String?, pod: String, container: String?) throws {
        _ = try TargetSpecification(parsing: "kubectl:\(text)")
        let destination = PodDestination(text)
        #expect(destination.namespace == namespace)
        #expect(destination.pod == pod)
        #expect(destination.container == container)
    }

    @Test(
        "Images, and containers that have no users to choose from, are named as they are",
        arguments: [
            "docker-image:registry:5000/a/b:1@sha256:0a", "docker-image:debian", "lxc:web", "lxd:remote:web",
            "incus:web",
        ]
    )
    func names(text: String) throws {
        #expect(try TargetSpecification(parsing: text).canonicalText == text)
    }

    @Test("A hop by namespaces names the kind of its container", arguments: ConnectionMethod.SetnsOptions.Kind.allCases)
    func namespaces(kind: ConnectionMethod.SetnsOptions.Kind) throws {
        let hop = try #require(try TargetSpecification(parsing: "sudo+setns-\(kind.rawValue):root@app").hops.last)
        #expect(HopKind.setnsKind(ofHop: hop.kind) == kind)
        #expect(HopKind.setnsKind(ofHop: kind.rawValue) == nil)
    }

    @Test(
        "A user may have a group, and a group may not be without a user",
        arguments: [("app", []), ("joe@app", ["joe"]), ("joe:50@app", ["joe", "50"]), (":50@app", ["", "50"])]
            as [(String, [String])]
    )
    func account(text: String, account: [String]) {
        #expect(ContainerDestination(text).account == account)
        #expect((ContainerDestination.accountProblem(text) == nil) == !account.contains(""))
    }

    @Test(
        "What leads nowhere is refused",
        arguments: [
            "docker", "docker:", "docker:@app", "docker:root@", "docker:-x", "docker:-u@app", "docker:a b",
            "docker:a@b@c",
            "docker-image", "docker-image:--privileged", "podman:-x", "buildah:", "kubectl", "kubectl:/", "kubectl:/a",
            "kubectl:a/", "kubectl:a/b/", "kubectl:a//b", "kubectl:a/b/c/d", "kubectl:-n/b", "kubectl:a/-b", "lxc:",
            "lxc:-n", "lxd:-x", "incus:a b", "jail:-l@x", "setns-docker", "setns-lxc:-x", "setns-lxd:@a", "setns:a",
            "setns-docker::50@app", "setns-docker:joe:@app", "setns-docker::@app",
            "setns-ssh:a",
        ]
    )
    func refused(text: String) {
        #expect(throws: TargetSyntaxError.self) { try TargetSpecification(parsing: text) }
    }
}
