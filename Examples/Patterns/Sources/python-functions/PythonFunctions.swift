import Mitogen
import MitogenPython
import MitogenServices

/// Calls functions of a Python file in a Python context that this program starts, and in one that a copy of it starts;
/// takes what both send as it comes; and asks a service of one.
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
        var contexts: [Context] = []
        for via in [nil, copy] {
            let python = try await router.local(via: via) { $0.runtime = .python() }
            let report: Report = try await python.call(named: "\(script).report", ["to be or not to be"])
            print("\(via?.name ?? "here"): \(report.words) words, the longest is \(report.longest)")
            contexts.append(python)
        }
        try await count(in: contexts, script, router)
        try await explain(in: contexts[0], "\(script).Glossary")
    }

    /// Waits for what several contexts send at the same time.
    private static func count(in contexts: [Context], _ script: String, _ router: Router) async throws {
        let select = Select<Int>(isOneShot: false)
        for context in contexts {
            let counts = try Receiver<Int>(router: router, respondent: context)
            try select.add(counts)
            try context.callNoReply(
                named: "\(script).count",
                [["to be", "or not to be", "that is the question"], counts.makeSender().pickleValue]
            )
        }
        var (lines, words) = (0, 0)
        for try await event in select {
            switch event.result {
            case .success(let count): (lines, words) = (lines + 1, words + count)
            case .failure(let error) where !error.isEndOfChannel: throw error
            case .failure: break
            }
        }
        print("\(words) words in \(lines) lines")
    }

    /// Calls a service by name, which the first call makes.
    private static func explain(in context: Context, _ service: String) async throws {
        let _: Bool? = try await context.callService(
            named: service,
            method: "learn",
            ["word": "question", "meaning": "to be, or not to be"]
        )
        let meaning: String = try await context.callService(named: service, method: "explain", ["word": "question"])
        print("the question: \(meaning)")
        do throws(MitogenError) {
            let _: String = try await context.callService(named: service, method: "explain", ["word": "answer"])
        } catch {
            print("no answer: \(error.message.prefix { $0 != "\n" })")
        }
    }
}
