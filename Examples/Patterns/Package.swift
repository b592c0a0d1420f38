// swift-tools-version: 6.2
import PackageDescription

let linkedStatically: [LinkerSetting] = [.unsafeFlags(["-static-executable"], .when(platforms: [.linux]))]

let package = Package(
    name: "patterns",
    dependencies: [
        .package(name: "swift-mitogen", path: "../..")
    ],
    targets: [
        .executableTarget(
            name: "ping-pong",
            dependencies: [.product(name: "Mitogen", package: "swift-mitogen")],
            linkerSettings: linkedStatically
        ),
        .executableTarget(
            name: "scatter-gather",
            dependencies: [.product(name: "Mitogen", package: "swift-mitogen")],
            linkerSettings: linkedStatically
        ),
    ]
)
