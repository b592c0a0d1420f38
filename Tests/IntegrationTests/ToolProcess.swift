//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

import CMitogenPlatform
import Glibc

/// A program that lies where the tests were built.
enum BuiltProgram {
    /// The directory of the test program, which `swift build` fills with the products of the package.
    static let directory: String = {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        let path = String(decoding: buffer.prefix(max(0, count)).map(UInt8.init(bitPattern:)), as: UTF8.self)
        return path.split(separator: "/").dropLast().map { "/\($0)" }.joined()
    }()

    /// The path of a product; nil if it was not built.
    static func path(of name: String) -> String? {
        let path = "\(directory)/\(name)"
        return access(path, X_OK) == 0 ? path : nil
    }
}

/// What a process has left behind when it has ended.
struct ToolResult: Sendable {
    /// The status as a shell shows it.
    let status: Int32
    let output: [UInt8]
    let errors: String
    let duration: Duration

    var text: String { String(decoding: output, as: UTF8.self) }
    var lines: [String] { text.split(separator: "\n").map(String.init) }
}

/// A `mitogen` that a test has started. Everything that it starts can be found by a variable in its environment.
struct ToolProcess: Sendable {
    struct Failure: Error {
        let what: String
    }

    static var isBuilt: Bool {
        BuiltProgram.path(of: "mitogen") != nil && BuiltProgram.path(of: "mitogen-agent") != nil
    }

    let pid: Int32
    private let mark: String
    private let output: Int32
    private let errors: Int32
    private let start = ContinuousClock().now

    /// Runs the tool to its end.
    static func run(
        _ arguments: [String],
        stdin: [UInt8]? = nil,
        environment: [String: String] = [:]
    ) async throws -> ToolResult {
        try await ToolProcess(arguments, stdin: stdin, environment: environment).wait()
    }

    /// Starts the tool.
    ///
    /// - Parameters:
    ///   - stdin: What it reads; `/dev/null` by default.
    ///   - output: What becomes its standard output; a file by default.
    init(
        _ arguments: [String],
        stdin: [UInt8]? = nil,
        environment: [String: String] = [:],
        output: Int32? = nil
    ) throws {
        guard let program = BuiltProgram.path(of: "mitogen") else { throw Failure(what: "mitogen is not built") }
        mark = "MITOGEN_TEST_RUN=\(UInt64.random(in: 0 ... .max))"
        self.output = try output ?? Self.temporaryFile()
        errors = try Self.temporaryFile()
        var input: Int32 = -1
        if let stdin {
            input = try Self.temporaryFile()
            guard stdin.withUnsafeBytes({ write(input, $0.baseAddress, $0.count) }) == stdin.count else {
                throw Failure(what: "cannot write the input")
            }
            lseek(input, 0, SEEK_SET)
        }
        defer { if input >= 0 { close(input) } }
        let usual = ["PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp"]
        let variables = usual.merging(environment) { _, new in new }.map { "\($0.key)=\($0.value)" } + [mark]
        pid = try Self.spawn(program, [program] + arguments, variables, [input, self.output, errors])
    }

    private static func spawn(
        _ program: String,
        _ arguments: [String],
        _ environment: [String],
        _ descriptors: [Int32]
    ) throws -> Int32 {
        var argv = arguments.map { strdup($0) } + [nil]
        var envp = environment.map { strdup($0) } + [nil]
        defer { for text in argv + envp { free(text) } }
        var stage: Int32 = 0
        let pid = program.withCString { path in
            argv.withUnsafeMutableBufferPointer { argv in
                envp.withUnsafeMutableBufferPointer { envp in
                    var what = cmitogen_spawn()
                    what.path = path
                    what.arguments = UnsafePointer(argv.baseAddress)
                    what.environment = UnsafePointer(envp.baseAddress)
                    what.descriptors = (descriptors[0], descriptors[1], descriptors[2])
                    return cmitogen_spawn(&what, &stage)
                }
            }
        }
        guard pid > 0 else { throw Failure(what: "cannot start \(program): \(pid)") }
        return pid
    }

    func signal(_ number: Int32) {
        kill(pid, number)
    }

    /// Waits for the end of the tool.
    func wait(limit: Duration = .seconds(60)) async throws -> ToolResult {
        var status: Int32 = 0
        let clock = ContinuousClock()
        while cmitogen_reap(pid, &status) == 0 {
            guard clock.now - start < limit else {
                kill(pid, SIGKILL)
                throw Failure(what: "mitogen has not ended within \(limit); it said: \(text(of: errors))")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
        var signal: Int32 = 0
        let code = cmitogen_status_code(status, &signal)
        defer {
            close(output)
            close(errors)
        }
        return ToolResult(
            status: signal > 0 ? 128 + signal : code,
            output: Self.contents(of: output),
            errors: text(of: errors),
            duration: clock.now - start
        )
    }

    /// The processes that this run has started and that still run, itself included.
    var processes: [String] {
        guard let directory = opendir("/proc") else { return [] }
        defer { closedir(directory) }
        var found: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { name in
                String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard Int32(name) != nil else { continue }
            let environment = Self.contents(ofFile: "/proc/\(name)/environ").split(separator: 0)
            guard environment.contains(where: { $0.elementsEqual(mark.utf8) }) else { continue }
            let command = Self.contents(ofFile: "/proc/\(name)/cmdline").map { $0 == 0 ? 0x20 : $0 }
            found.append("\(name): \(String(decoding: command, as: UTF8.self))")
        }
        return found
    }

    /// Waits until so many processes run, for at most 10 s.
    ///
    /// - Returns: Those that run then.
    func waitForProcesses(_ isEnough: ([String]) -> Bool) async throws -> [String] {
        var found = processes
        for _ in 0..<500 where !isEnough(found) {
            try await Task.sleep(for: .milliseconds(20))
            found = processes
        }
        return found
    }

    // MARK: Files

    private static func temporaryFile() throws -> Int32 {
        var template = Array("/tmp/mitogen-test-XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else { throw Failure(what: "cannot make a temporary file") }
        unlink(template)
        return descriptor
    }

    private func text(of descriptor: Int32) -> String {
        String(decoding: Self.contents(of: descriptor), as: UTF8.self)
    }

    private static func contents(of descriptor: Int32) -> [UInt8] {
        lseek(descriptor, 0, SEEK_SET)
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = read(descriptor, &buffer, buffer.count), count > 0 { all += buffer[..<count] }
        return all
    }

    private static func contents(ofFile path: String) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        return contents(of: descriptor)
    }
}
