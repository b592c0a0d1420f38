// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "observability",
    dependencies: [
        .package(name: "swift-mitogen", path: "../..", traits: ["Metrics", "Tracing", "ServiceLifecycle"]),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .executableTarget(
            name: "observability",
            dependencies: [
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
                .product(name: "Mitogen", package: "swift-mitogen"),
                .product(name: "MitogenServices", package: "swift-mitogen"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            linkerSettings: [.unsafeFlags(["-static-executable"], .when(platforms: [.linux]))]
        )
    ]
)
