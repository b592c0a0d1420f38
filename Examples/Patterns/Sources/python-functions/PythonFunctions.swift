import Mitogen
import MitogenPython

/// Calls functions of a Python file in a Python context that this program starts, and in one that a copy of it starts.
///
///     python-functions PYTHON SCRIPT
///
/// PYTHON is an interpreter of this machine that has the package `mitogen`.
@main
struct PythonFunctions: MitogenProgram {
    struct Report: Decodable, Sendable {
        var words: Int
        var longest: String
    }

    static func main(router: Router) async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 3 else { throw MitogenError(.misuse, "usage: python-functions PYTHON SCRIPT") }
        try router.configurePython { $0.interpreter = arguments[1] }
        let script = try await router.addPythonScript(at: arguments[2])
        let copy = try await router.local { $0.name = "copy" }
        for via in [nil, copy] {
            let python = try await router.local(via: via) { $0.runtime = .python() }
            let report: Report = try await python.call(named: "\(script).report", ["to be or not to be"])
            print("\(via?.name ?? "here"): \(report.words) words, the longest is \(report.longest)")
        }
    }
}
