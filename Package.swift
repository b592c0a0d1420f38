// swift-tools-version: 6.2
//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import PackageDescription

let swiftSettings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

// Each function in a section of its own, so that the linker of an executable can leave out what nothing uses.
let librarySettings: [SwiftSetting] =
    swiftSettings + [
        .unsafeFlags(["-Xfrontend", "-function-sections"], .when(platforms: [.linux], configuration: .release))
    ]

// Connecting waits for other programs, and files for disks and links: their code may as well be small. What each message
// passes says `@_optimize(speed)`.
let smallLibrarySettings: [SwiftSetting] =
    librarySettings + [.unsafeFlags(["-Osize"], .when(platforms: [.linux], configuration: .release))]

// A context is a copy of its program, so the program must run where nothing is installed: one static file. Only the
// executables carry these flags; other packages can depend on the libraries.
let staticExecutable: [LinkerSetting] = [
    .unsafeFlags(["-static-executable"], .when(platforms: [.linux])),
    // The index of the frame tables is not used in a static program; it is 7 % of the file.
    .unsafeFlags(
        ["-Xlinker", "-s", "-Xlinker", "--gc-sections", "-Xlinker", "--no-eh-frame-hdr"],
        .when(platforms: [.linux], configuration: .release)
    ),
]

// What the payload has another definition of, or none: see CMitogenPayload.
let replacedInPayload = [
    "_swift_stdlib_getScalarName", "_swift_stdlib_getNameAlias", "_swift_stdlib_getAge",
    "_swift_stdlib_getGeneralCategory", "_swift_stdlib_getScript", "_swift_stdlib_getScriptExtensions",
    "__cxa_demangle", "__dcgettext", "__fxprintf", "__printf_fp", "__printf_fphex",
]

// The tool's payload is what travels to every new host. `link` runs GNU ld, which alone can leave out the tables for
// unwinding. Sections that are sorted by name have their like beside them, and gzip finds more to repeat.
let payload: [LinkerSetting] = [
    .unsafeFlags(
        [
            "-ld-path=" + Context.packageDirectory + "/Sources/mitogen-agent/link",
            "-Xlinker", "-T", "-Xlinker", Context.packageDirectory + "/Sources/mitogen-agent/payload.ld",
            "-Xlinker", "--sort-section=name",
        ] + replacedInPayload.flatMap { ["-Xlinker", "--wrap=" + $0] },
        .when(platforms: [.linux], configuration: .release)
    )
]

// ArgumentParser needs FoundationEssentials, whose static archives refer to each other in a circle.
let staticFoundation: [LinkerSetting] = [
    .unsafeFlags(
        [
            "-Xlinker", "--start-group", "-lFoundationEssentials", "-l_FoundationCShims", "-l_FoundationCollections",
            "-lswiftSynchronization", "-lswift_StringProcessing", "-Xlinker", "--end-group",
        ],
        .when(platforms: [.linux])
    )
]

// Traits are off unless they are asked for, and then their packages are not even fetched.
let traitDependencies: [Target.Dependency] = [
    .product(name: "CoreMetrics", package: "swift-metrics", condition: .when(traits: ["Metrics"])),
    .product(name: "Tracing", package: "swift-distributed-tracing", condition: .when(traits: ["Tracing"])),
    .product(
        name: "ServiceLifecycle",
        package: "swift-service-lifecycle",
        condition: .when(traits: ["ServiceLifecycle"])
    ),
]

let package = Package(
    name: "swift-mitogen",
    products: [
        .library(name: "Mitogen", targets: ["Mitogen", "MitogenPickle", "MitogenProtocol"]),
        .library(name: "MitogenFiles", targets: ["MitogenFiles"]),
        .library(name: "MitogenServices", targets: ["MitogenServices"]),
        .library(name: "MitogenDistributed", targets: ["MitogenDistributed"]),
        .library(name: "MitogenFakeSSH", targets: ["MitogenFakeSSH"]),
        .library(name: "MitogenPython", targets: ["MitogenPython"]),
        .library(name: "MitogenTesting", targets: ["MitogenTesting"]),
        .executable(name: "mitogen", targets: ["mitogen"]),
        .executable(name: "mitogen-agent", targets: ["mitogen-agent"]),
    ],
    traits: [
        .trait(name: "Metrics", description: "Counts and times for swift-metrics."),
        .trait(name: "Tracing", description: "Spans for swift-distributed-tracing; their context travels with calls."),
        .trait(name: "ServiceLifecycle", description: "A router as a service of swift-service-lifecycle."),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        // Only for the traits.
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .target(name: "CMitogenPayload"),
        .target(name: "CMitogenPlatform"),
        .target(name: "MitogenPickle", swiftSettings: librarySettings),
        .target(name: "MitogenProtocol", dependencies: ["MitogenPickle"], swiftSettings: smallLibrarySettings),
        .target(
            name: "Mitogen",
            dependencies: [
                "CMitogenPlatform", "MitogenPickle", "MitogenProtocol",
                .product(name: "Logging", package: "swift-log"),
            ] + traitDependencies,
            swiftSettings: librarySettings
        ),
        .target(
            name: "MitogenFiles",
            dependencies: ["CMitogenPlatform", "Mitogen", "MitogenPickle", "MitogenProtocol"],
            swiftSettings: smallLibrarySettings
        ),
        .target(
            name: "MitogenServices",
            dependencies: ["Mitogen", "MitogenFiles", "MitogenPickle", "MitogenProtocol"],
            swiftSettings: librarySettings
        ),
        .target(
            name: "MitogenDistributed",
            dependencies: ["CMitogenPlatform", "Mitogen", "MitogenPickle", "MitogenProtocol"],
            swiftSettings: librarySettings
        ),
        .target(name: "CMitogenFakeSSH"),
        // In no payload of the tool's: only the side that starts programs needs it.
        .target(
            name: "MitogenFakeSSH",
            dependencies: ["CMitogenFakeSSH", "CMitogenPlatform", "Mitogen"],
            swiftSettings: librarySettings
        ),
        // Only the side that starts Python contexts needs it.
        .target(
            name: "MitogenPython",
            dependencies: ["Mitogen", "MitogenPickle", "MitogenProtocol"],
            resources: [.embedInCode("helper.py")],
            swiftSettings: librarySettings
        ),
        // Linked to tests only.
        .target(
            name: "MitogenTesting",
            dependencies: ["Mitogen", "MitogenProtocol"],
            swiftSettings: librarySettings
        ),
        .target(
            name: "MitogenBenchFunctions",
            dependencies: ["Mitogen", "MitogenProtocol"],
            swiftSettings: librarySettings
        ),
        .executableTarget(
            name: "mitogen-agent",
            dependencies: ["CMitogenPayload", "Mitogen", "MitogenBenchFunctions", "MitogenFiles"],
            exclude: ["link", "payload.ld"],
            swiftSettings: swiftSettings,
            linkerSettings: staticExecutable + payload
        ),
        .target(name: "CMitogenBench"),
        .target(
            name: "MitogenCLI",
            dependencies: [
                "CMitogenBench", "CMitogenPlatform", "Mitogen", "MitogenBenchFunctions", "MitogenFakeSSH",
                "MitogenFiles", "MitogenPickle", "MitogenProtocol", "MitogenPython", "MitogenServices",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: swiftSettings
        ),
        .executableTarget(
            name: "mitogen",
            dependencies: ["MitogenCLI", "mitogen-agent"],
            swiftSettings: swiftSettings,
            linkerSettings: staticExecutable + staticFoundation
        ),
        .target(
            name: "MitogenFixtures",
            dependencies: [
                "CMitogenPlatform", "Mitogen", "MitogenDistributed", "MitogenFiles", "MitogenPython", "MitogenServices",
                "MitogenPickle", "MitogenProtocol",
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/MitogenFixtures",
            swiftSettings: swiftSettings
        ),
        .executableTarget(
            name: "mitogen-fixture",
            dependencies: ["Mitogen", "MitogenFixtures"],
            path: "Tests/mitogen-fixture",
            swiftSettings: swiftSettings,
            linkerSettings: staticExecutable
        ),
        // What scripts/bench-counts counts the instructions of: unlike the others it keeps its symbols.
        .executableTarget(
            name: "mitogen-counts",
            dependencies: ["Mitogen", "MitogenPickle", "MitogenProtocol"],
            path: "Tests/mitogen-counts",
            exclude: ["baseline.json"],
            swiftSettings: swiftSettings,
            linkerSettings: [
                .unsafeFlags(["-static-executable"], .when(platforms: [.linux])),
                // Without the tables of lines, which valgrind cannot read.
                .unsafeFlags(["-Xlinker", "-S"], .when(platforms: [.linux], configuration: .release)),
            ]
        ),
        .testTarget(name: "MitogenPickleTests", dependencies: ["MitogenPickle"], swiftSettings: swiftSettings),
        .executableTarget(
            name: "mitogen-demangle-fuzz",
            path: "Tests/mitogen-demangle-fuzz",
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "MitogenProtocolTests",
            dependencies: ["CMitogenPlatform", "MitogenProtocol", "MitogenPickle", "mitogen-demangle-fuzz"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "MitogenCLITests",
            dependencies: [
                "Mitogen", "MitogenCLI", "MitogenProtocol", "MitogenServices",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "MitogenFakeSSHTests",
            dependencies: ["Mitogen", "MitogenFakeSSH"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "MitogenTests",
            dependencies: [
                "Mitogen", "MitogenDistributed", "MitogenFixtures", "MitogenPickle", "MitogenProtocol",
                "MitogenServices",
                "MitogenTesting",
            ],
            swiftSettings: swiftSettings
        ),
        // Real Python peers, in virtual environments that scripts/test makes.
        .testTarget(
            name: "PythonTests",
            dependencies: [
                "Mitogen", "MitogenFixtures", "MitogenPickle", "MitogenProtocol", "MitogenPython", "MitogenServices",
            ],
            exclude: ["Programs"],
            swiftSettings: swiftSettings
        ),
        // Runs the built programs: `swift build` comes first.
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "CMitogenPlatform", "Mitogen", "MitogenDistributed", "MitogenFakeSSH", "MitogenFiles",
                "MitogenPython", "MitogenServices",
                "MitogenFixtures", "MitogenPickle", "MitogenProtocol",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: swiftSettings
        ),
    ]
)
