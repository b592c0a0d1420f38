//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import Mitogen
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// A container engine of the test bed, with its container.
enum Engine: String, CaseIterable {
    case docker
    case podman
    case buildah
    case kubectl
    case lxc
    case lxd
    case incus

    /// The engine's client, which finds the test bed's daemon by itself.
    var program: String {
        get throws {
            let name = self == .lxd ? "lxc" : self == .lxc ? "lxc-attach" : rawValue
            return self == .lxc ? name : "\(try Testbed.fact("TESTBED"))/bin/\(name)"
        }
    }

    /// The container that `Tests/Testbed/setup` keeps running.
    var container: String { self == .buildah ? "tb-build" : "tb" }

    /// Runs a program in the container as the engine's own client does.
    private var probe: [String] {
        get throws {
            switch self {
            case .docker, .podman: [try program, "exec", container, "true"]
            case .buildah: [try program, "run", container, "true"]
            case .kubectl: [try program, "exec", container, "--", "true"]
            case .lxc: ["lxc-attach", "--name", container, "--", "true"]
            case .lxd, .incus: [try program, "exec", container, "--", "true"]
            }
        }
    }

    /// Those that answer. Asked once: it takes up to half a second each.
    static let up: Set<Engine> = Set(
        allCases.filter { engine in
            guard let probe = try? engine.probe else { return false }
            return system("timeout 20 \(probe.joined(separator: " ")) >/dev/null 2>&1 </dev/null") == 0
        }
    )
}

extension Trait where Self == ConditionTrait {
    /// Skips where the engine does not answer.
    static func needs(_ engine: Engine) -> Self {
        .enabled(if: Engine.up.contains(engine), "\(engine) is not up: Tests/Testbed/setup \(engine), as root")
    }

    /// Skips where there is no container with Debian in it.
    static var needsDebian: Self {
        .enabled(
            if: (try? Testbed.fact("TB_DOCKER_DEBIAN")) != nil,
            "debian is not up: Tests/Testbed/setup debian, as root; it takes a mirror"
        )
    }
}

extension Router {
    /// A context in the engine's container.
    func container(
        _ engine: Engine,
        _ container: String? = nil,
        user: String? = nil,
        via: Context? = nil,
        _ configure: (inout CommonOptions) -> Void = { _ in }
    ) async throws -> Context {
        let container = container ?? engine.container
        let program = try engine.program
        switch engine {
        case .docker:
            return try await docker(container: container, via: via) { options in
                options.dockerPath = program
                options.username = user
                configure(&options.common)
            }
        case .podman:
            return try await podman(container: container, via: via) { options in
                options.podmanPath = program
                options.username = user
                configure(&options.common)
            }
        case .buildah:
            return try await buildah(container: container, via: via) { options in
                options.buildahPath = program
                options.username = user
                configure(&options.common)
            }
        case .kubectl:
            return try await kubectl(pod: container, via: via) { options in
                options.kubectlPath = program
                configure(&options.common)
            }
        case .lxc: return try await lxc(container: container, via: via) { configure(&$0.common) }
        case .lxd:
            return try await lxd(container: container, via: via) { options in
                options.lxcPath = program
                configure(&options.common)
            }
        case .incus:
            return try await incus(container: container, via: via) { options in
                options.incusPath = program
                configure(&options.common)
            }
        }
    }
}
