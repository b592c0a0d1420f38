//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import Foundation
import Testing

/// The program that resolves type names, so that a crash is not the test's.
struct RuntimeDemangler {
    struct Result {
        /// What happened to which name, if it did not end well.
        var failure: String?
        /// The names that took more than a second.
        var slow: [String] = []
        /// How many names were those of types.
        var resolved = 0
    }

    private let program: URL

    /// Names of types in that program.
    let seeds = [
        "21mitogen_demangle_fuzz4PairVyAA5PlainVAEG", "21mitogen_demangle_fuzz4PairV5InnerVyS2i_G",
        "21mitogen_demangle_fuzz4PairV7GenericVyACyAA5PlainVSiGAH_AHG",
        "21mitogen_demangle_fuzz4PairV7GenericVyS2i_SSG", "21mitogen_demangle_fuzz5NamesO0D5NamesO",
        "21mitogen_demangle_fuzz5ItemsVySaySiGSiG", "21mitogen_demangle_fuzz5KeyedVyS2iG",
        "21mitogen_demangle_fuzz4HeirVyAA7DerivedCG", "21mitogen_demangle_fuzz4BaseC5InnerCyAA5PlainV_G",
        "21mitogen_demangle_fuzz6ShapedVyAA5PlainVG", "21mitogen_demangle_fuzz6ClassyVyAA6WorkerCG",
    ]

    init() throws {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        program = URL(filePath: own).deletingLastPathComponent().appending(path: "mitogen-demangle-fuzz")
        try #require(FileManager.default.isExecutableFile(atPath: program.path), "\(program.path) is missing")
    }

    func resolve(_ names: [String]) throws -> Result {
        let directory = FileManager.default.temporaryDirectory.appending(path: "mitogen-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let input = directory.appending(path: "names")
        let output = directory.appending(path: "results")
        try Data(names.map { $0 + "\n" }.joined().utf8).write(to: input)
        try Data().write(to: output)
        let process = Process()
        process.executableURL = program
        process.standardInput = try FileHandle(forReadingFrom: input)
        process.standardOutput = try FileHandle(forWritingTo: output)
        try process.run()
        process.waitUntilExit()
        return result(of: process, String(decoding: try Data(contentsOf: output), as: UTF8.self), names)
    }

    private func result(of process: Process, _ output: String, _ names: [String]) -> Result {
        var result = Result()
        var last = 0
        var isDone = false
        for line in output.split(separator: "\n") {
            let words = line.split(separator: " ")
            switch words[0] {
            case "done": isDone = true
            case "slow": result.slow += Int(words[1]).map { [names[$0]] } ?? []
            case "type": result.resolved += 1
            default: last = Int(words[0]) ?? last
            }
        }
        if !isDone || process.terminationStatus != 0 {
            result.failure = "status \(process.terminationStatus) with \(names[last])"
        }
        return result
    }
}
