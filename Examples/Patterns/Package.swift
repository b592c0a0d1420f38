// swift-tools-version: 6.2
import PackageDescription

/// A program that can be sent to other machines, with what it needs of Mitogen.
func program(_ name: String, _ products: String...) -> Target {
    .executableTarget(
        name: name,
        dependencies: products.map { .product(name: $0, package: "swift-mitogen") },
        linkerSettings: [.unsafeFlags(["-static-executable"], .when(platforms: [.linux]))]
    )
}

let package = Package(
    name: "patterns",
    dependencies: [
        .package(name: "swift-mitogen", path: "../.."),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    ],
    targets: [
        program("commands", "Mitogen"),
        program("connect-errors", "Mitogen"),
        program("distribute", "Mitogen", "MitogenFiles"),
        program("failing-chain", "Mitogen"),
        program("follow-log", "Mitogen"),
        program("install-package", "Mitogen"),
        program("inventory", "Mitogen"),
        // Linked dynamically, as SwiftPM does by default: it can start contexts on this machine only.
        .executableTarget(
            name: "kernels",
            dependencies: [
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Mitogen", package: "swift-mitogen"),
            ]
        ),
        program("merge-streams", "Mitogen"),
        program("mirror-folder", "Mitogen", "MitogenFakeSSH"),
        program("ping-pong", "Mitogen"),
        program("pipeline", "Mitogen"),
        program("python-functions", "Mitogen", "MitogenPython", "MitogenServices"),
        program("scatter-gather", "Mitogen"),
        program("shared-account", "Mitogen", "MitogenDistributed"),
        program("shared-tree", "Mitogen"),
        program("tail-logs", "Mitogen"),
        program("ticket-office", "Mitogen", "MitogenServices"),
        program("typed-error", "Mitogen", "MitogenDistributed"),
        program("word-count", "Mitogen", "MitogenServices"),
    ]
)
