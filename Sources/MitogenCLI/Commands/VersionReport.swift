//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Glibc
internal import Mitogen

/// What `mitogen --version` writes: the version on the first line, and behind it what this installation has.
struct VersionReport: Hashable, Sendable {
    /// A program that is sent to targets.
    struct Image: Hashable, Sendable {
        let name: String
        let size: Int
        let machine: String
        let buildID: String
    }

    let version: String
    /// The machine that the tool itself runs on.
    let machine: String
    /// The programs for targets, or why there are none.
    let images: Result<[Image], MitogenError>
    /// The tools that compress programs for targets, with their paths; nil for those that are not there.
    let compressors: [(name: String, path: String?)]

    static func == (first: Self, second: Self) -> Bool { first.text == second.text }

    func hash(into hasher: inout Hasher) { hasher.combine(self.text) }

    /// The lines.
    var text: String {
        var lines = [
            "mitogen \(self.version)",
            "  protocol     Mitogen's, with pickle protocol 2; contexts run the same build as this tool",
            "  built with   Swift \(Self.compiler), for Linux \(self.machine), static",
        ]
        switch self.images {
        case .success(let images):
            for image in images {
                lines.append(
                    "  for targets  Linux \(image.machine): \(image.name), \(image.size) bytes, build \(image.buildID.prefix(12))"
                )
            }
        case .failure(let error): lines.append("  for targets  nothing: \(error.message)")
        }
        let found = self.compressors.compactMap { compressor in compressor.path.map { "\(compressor.name) (\($0))" } }
        lines.append(
            "  compression  \(found.isEmpty ? "none: there is no gzip in PATH" : found.joined(separator: ", "))"
        )
        return lines.joined(separator: "\n") + "\n"
    }

    /// What this installation has.
    static func ofTool() -> VersionReport {
        let images: Result<[Image], MitogenError>
        do throws(MitogenError) {
            images = .success(try Self.images(at: try AgentImage.locate()))
        } catch {
            images = .failure(error)
        }
        return VersionReport(
            version: Mitogen.version,
            machine: Self.machine,
            images: images,
            compressors: ["gzip", "xz"].map { ($0, ProgramSearch.own.path(of: $0)) }
        )
    }

    /// The program for this kind of machine, and those for others, which lie beside it.
    private static func images(at path: String) throws(MitogenError) -> [Image] {
        var images = [try Self.image(at: path)]
        var found = glob_t()
        defer { globfree(&found) }
        guard glob("\(path)-*-*", 0, nil, &found) == 0, let paths = found.gl_pathv else { return images }
        for index in 0..<Int(found.gl_pathc) {
            guard let other = paths[index].map({ String(cString: $0) }) else { continue }
            // A file that is none of them has such a name by chance.
            if let image = try? Self.image(at: other) { images.append(image) }
        }
        return images
    }

    private static func image(at path: String) throws(MitogenError) -> Image {
        let description = try ImageDescription(ofFile: path)
        var status = stat()
        guard stat(path, &status) == 0 else { throw AgentImage.unusable(path, errno: errno) }
        return Image(
            name: path.split(separator: "/").last.map(String.init) ?? path,
            size: Int(status.st_size),
            machine: description.machine,
            buildID: description.buildID
        )
    }

    private static var machine: String {
        #if arch(x86_64)
            "x86_64"
        #elseif arch(arm64)
            "aarch64"
        #else
            "of another kind"
        #endif
    }

    /// The compiler's version, as far as a program can tell it.
    private static var compiler: String {
        #if compiler(>=6.4)
            "6.4 or later"
        #elseif compiler(>=6.3.2)
            "6.3.2 or later"
        #elseif compiler(>=6.3.1)
            "6.3.1"
        #else
            "6.3"
        #endif
    }
}
