//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import MitogenProtocol
import Testing

@Suite
struct ConnectionTargetTests {
    typealias Kind = ConnectionTarget.Kind

    /// A hop with what is set in it.
    private func text(_ hop: ConnectionTarget.Hop) -> String {
        var parts = [hop.kind.rawValue]
        if let name = hop.name { parts.append("name=\(name)") }
        if let username = hop.username { parts.append("user=\(username)") }
        if let group = hop.group { parts.append("group=\(group)") }
        if let port = hop.port { parts.append("port=\(port)") }
        if let namespace = hop.namespace { parts.append("namespace=\(namespace)") }
        if let container = hop.container { parts.append("container=\(container)") }
        return parts.joined(separator: " ")
    }

    @Test(
        "Targets are taken apart",
        arguments: [
            ("local", ["local"]), ("local:worker", ["local name=worker"]),
            ("ssh:web1+sudo+docker:app", ["ssh name=web1", "sudo", "docker name=app"]),
            ("ssh:me@web1:2222", ["ssh name=web1 user=me port=2222"]),
            ("ssh:me@corp@web1", ["ssh name=web1 user=me@corp"]),
            ("ssh:[fe80::1%eth0]:22", ["ssh name=fe80::1%eth0 port=22"]), ("ssh:[::1]", ["ssh name=::1"]),
            ("sudo:admin+su:app+doas", ["sudo user=admin", "su user=app", "doas"]),
            ("docker:www@app", ["docker name=app user=www"]), ("docker-image:alpine:3", ["docker-image name=alpine:3"]),
            ("podman:a+buildah:b+jail:c", ["podman name=a", "buildah name=b", "jail name=c"]),
            ("lxc:a+lxd:b+incus:c", ["lxc name=a", "lxd name=b", "incus name=c"]),
            ("kubectl:web", ["kubectl name=web"]), ("kubectl:shop/web", ["kubectl name=web namespace=shop"]),
            ("kubectl:shop/web/log", ["kubectl name=web namespace=shop container=log"]),
            ("kubectl:/web/log", ["kubectl name=web container=log"]),
            ("setns-docker:me:staff@app", ["setns-docker name=app user=me group=staff"]),
            ("setns-machinectl:app", ["setns-machinectl name=app"]),
            (#"docker:a\+b\,c\[1\]+local"#, ["docker name=a+b,c[1]", "local"]), (#"local:a\\"#, [#"local name=a\"#]),
        ]
    )
    func parsing(target: String, hops: [String]) throws {
        let parsed = try ConnectionTarget(target)
        #expect(parsed.hops.map(text) == hops)
        #expect(parsed.description == target)
    }

    @Test(
        "What is no single target is refused, with the reason",
        arguments: [
            ("", "empty hop"), ("+local", "empty hop"), ("local+", "empty hop"),
            ("tcp:web1", #"no kind of hop named "tcp""#),
            ("ssh", "needs a name after 'ssh:'"), ("ssh:", "empty name"), ("ssh:@web1", "empty name"),
            ("ssh:web1:", "port between"), ("ssh:web1:0", "port between"), ("ssh:web1:65536", "port between"),
            ("ssh:web1:x", "port between"), ("ssh:[::1]x", "port between"), ("ssh:fe80::1", "brackets around"),
            ("ssh:web[1-3]", "several targets"), ("ssh:[1-3]", "several targets"), ("local,local", "several targets"),
            ("ssh:-oProxyCommand=x", "begins with '-'"), ("sudo:-u", "begins with '-'"), ("docker:a b", "spaces"),
            ("local:a\u{1B}[2J", "control"), ("docker:a@b@c", "only one '@'"), ("docker:@c", "empty name"),
            ("kubectl:a/b/c/d", "two '/'"), ("kubectl:/b", "namespace before"), ("kubectl:a//c", "empty name"),
            ("setns-docker::g@c", "empty name"), ("setns-lxc:u:@c", "empty name"), ("setns-jail:c", "no kind of hop"),
        ]
    )
    func refusal(target: String, problem: String) throws {
        let error = try #require(throws: MitogenError.self) { try ConnectionTarget(target) }
        #expect(error.code == .misuse)
        #expect(error.message.contains(problem), "\(error.message)")
    }

    @Test("Every kind can be written, and no text makes the parser fail in another way")
    func robustness() throws {
        for kind in Kind.allCases { #expect(try ConnectionTarget("\(kind.rawValue):x").hops[0].kind == kind) }
        var random = SeededTexts(state: 42)
        for _ in 0..<5000 {
            let text = String(
                (0..<Int.random(in: 0...12, using: &random)).map { _ in
                    "ssh:local+[]@/\\,-1 é".randomElement(using: &random) ?? "x"
                }
            )
            do throws(MitogenError) {
                let target = try ConnectionTarget(text)
                #expect(!target.hops.isEmpty)
            } catch {
                #expect(error.code == .misuse)
            }
        }
    }

    private struct SeededTexts: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ state >> 29
        }
    }
}
