//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import Testing

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// The tests of the library with real processes. One after the other, because many of them measure time.
@Suite("Library", .serialized, .timeLimit(.minutes(1)))
enum LibraryTests {}

/// The static program that the tests start as their contexts.
enum Fixture {
    /// Beside the test bundle, where `swift build` has put it.
    static var path: String {
        get throws {
            let bundle = CommandLine.arguments[0]
            let directory = bundle.lastIndex(of: "/").map { String(bundle[..<$0]) } ?? "."
            let path = "\(directory)/mitogen-fixture"
            guard access(path, X_OK) == 0 else {
                throw TestFailure("\(path) is missing: run `swift build --product mitogen-fixture` before the tests")
            }
            return path
        }
    }

    /// The configuration of a router whose contexts run the fixture.
    static func configuration(_ configure: (inout RouterConfiguration) -> Void = { _ in }) throws -> RouterConfiguration
    {
        CapturedLog.install()
        var configuration = RouterConfiguration()
        configuration.image = .file(try path)
        configure(&configuration)
        return configuration
    }
}

/// Runs a test with a router whose contexts run the fixture.
func withFixtureRouter<Result>(
    _ configure: (inout RouterConfiguration) -> Void = { _ in },
    _ body: (Router) async throws -> Result
) async throws -> Result {
    try await withRouter(configuration: Fixture.configuration(configure), body)
}

/// A test cannot go on.
struct TestFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// The error that `body` throws; the test fails if it throws none.
func failure<Value>(
    of body: () async throws -> Value,
    sourceLocation: SourceLocation = #_sourceLocation
) async throws -> MitogenError {
    try await #require(throws: MitogenError.self, sourceLocation: sourceLocation) { _ = try await body() }
}
