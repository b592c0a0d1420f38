// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "hello",
    dependencies: [
        // In a package of your own: .package(url: "https://…/swift-mitogen", from: "0.1.0")
        .package(name: "swift-mitogen", path: "../..")
    ],
    targets: [
        .executableTarget(
            name: "hello",
            dependencies: [.product(name: "Mitogen", package: "swift-mitogen")],
            linkerSettings: [.unsafeFlags(["-static-executable"], .when(platforms: [.linux]))]
        )
    ]
)
