//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import CMitogenPlatform
internal import MitogenProtocol

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// The program that a new context is to run, and how to tell that it does (architecture decision D4).
struct ImageSource: Sendable {
    /// The identity that the child must answer with; nil where only the version is compared.
    let identity: String?
    private let path: String
    private let prefix: [String]

    /// - Throws: ``MitogenError`` with `.imageUnusable` for a program that would not become a child.
    init(_ image: RouterConfiguration.Image, for options: CommonOptions) throws(MitogenError) {
        if let executable = options.executable {
            identity = nil
            path = executable.first ?? ""
            prefix = executable
            return
        }
        switch image {
        case .currentProgram:
            guard ChildRuntime.canBecomeChild else {
                throw MitogenError(
                    .imageUnusable,
                    "this program cannot run as a context, because it never asks whether it was started as one",
                    hint:
                        "\(.programsOnly)make its @main type a MitogenProgram, or call Mitogen.runChildIfRequested() first; a test names "
                        + "the program to start, as RouterConfiguration.image, or uses a tree of MitogenTesting"
                )
            }
            identity = ImageIdentity.own
            path = ProcessIdentity.executablePath
            prefix = [ProcessIdentity.programName]
        case .file(let file):
            identity = try ImageIdentity.ofFile(file)
            path = file
            prefix = [file]
        }
    }

    /// What to start so that it becomes a child: `argv[1]` is `argument`, and there is nothing after it.
    func command(argument: String) -> (path: String, arguments: [String]) {
        (path, prefix + [argument])
    }
}

/// Tells programs apart: the build id that the linker has computed from the program's content. Hashing the file again
/// for each start would cost more than the start.
enum ImageIdentity {
    static let own: String? = {
        var buffer = [UInt8](repeating: 0, count: 64)
        let length = cmitogen_own_build_id(&buffer, buffer.count)
        return length > 0 ? text(buffer[..<length]) : nil
    }()

    /// The build id of an executable file.
    ///
    /// - Throws: ``MitogenError`` with `.imageUnusable` if it cannot be read, is not a program or has none.
    static func ofFile(_ path: String) throws(MitogenError) -> String {
        guard let image = ELFImage(try front(of: path)) else {
            throw MitogenError(.imageUnusable, "\(path) is not an executable file for this kind of machine")
        }
        return try identity(image, path)
    }

    /// The build id of an image that is to run on another machine.
    ///
    /// - Parameters:
    ///   - front: The image's first bytes.
    ///   - name: What the error calls it.
    /// - Throws: ``MitogenError`` with `.imageUnusable`, which names it and the platform.
    static func check(
        _ front: [UInt8],
        _ name: String,
        for platform: TargetPlatform
    ) throws(MitogenError) -> String {
        guard let image = ELFImage(front) else {
            throw MitogenError(
                .imageUnusable,
                "\(name) is no image for \(platform): it is not a 64-bit executable file in ELF form",
                hint: "build the program for \(platform), as one static executable"
            )
        }
        if let expected = platform.elfMachine, image.machine != expected {
            throw MitogenError(
                .imageUnusable,
                "\(name) is no image for \(platform): it is built for \(TargetPlatform.machineName(elf: image.machine))",
                hint: "build the program for \(platform)"
            )
        }
        guard !image.isDynamic else {
            throw MitogenError(
                .imageUnusable,
                "\(name) is linked dynamically, so it cannot run on other machines (it is the image for \(platform))",
                hint: "\(.programsOnly)add to its target in Package.swift: "
                    + "linkerSettings: [.unsafeFlags([\"-static-executable\"], .when(platforms: [.linux]))]"
            )
        }
        return try identity(image, name)
    }

    private static func identity(_ image: ELFImage, _ name: String) throws(MitogenError) -> String {
        guard let buildID = image.buildID, !buildID.isEmpty else {
            throw MitogenError(.imageUnusable, "\(name) has no build id", hint: "link it with -Xlinker --build-id")
        }
        return text(buildID[...])
    }

    /// The headers and notes, which are at the front of the file.
    static func front(of path: String) throws(MitogenError) -> [UInt8] {
        let descriptor = cmitogen_open_for_reading(path)
        guard descriptor >= 0 else {
            throw .system("cannot read the image \(path)", errno: -descriptor, .imageUnusable)
        }
        defer { _ = systemClose(descriptor) }
        return [UInt8](unsafeUninitializedCapacity: frontSize) { buffer, count in
            count = max(0, read(descriptor, buffer.baseAddress, buffer.count))
        }
    }

    static let frontSize = 64 << 10

    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        bytes.map { byte in
            let text = String(byte, radix: 16)
            return text.count == 1 ? "0" + text : text
        }.joined()
    }
}
