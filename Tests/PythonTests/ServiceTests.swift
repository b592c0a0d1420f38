//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenFixtures
internal import MitogenPickle
internal import MitogenProtocol
internal import MitogenPython
internal import MitogenServices
internal import Testing

/// Calls of the services of Python contexts.
enum PythonServices {
    static let notebook = "sample.services.Notebook"

    /// Calls each method of a notebook that nobody has written into.
    static func checkNotebook(of context: Context) async throws {
        for (count, word) in ["first", "ä😀"].enumerated() {
            let written: Int = try await context.callService(named: notebook, method: "write", ["word": .string(word)])
            #expect(written == count + 1)
        }
        let words: [String] = try await context.callService(named: notebook, method: "read")
        #expect(words == ["first", "ä😀"])
        let pending = try context.startServiceCall(named: notebook, method: "count", as: Int.self)
        #expect(try await pending.get() == 2)
        try context.callServiceNoReply(named: notebook, method: "write", ["word": "third"])
        for (method, arguments, text) in [
            ("tear", ["reason": "too thick"], "ValueError: too thick"), ("hide", [:], "Method has no policies set."),
            ("burn", [:], "No such method: 'burn'"), ("write", [:], "Required argument 'word' missing."),
            ("write", ["word": 1], "Argument 'word' type incorrect"), ("read", ["extra": 1], "extra"),
        ] as [(String, PickleDictionary, String)] {
            let error = await #expect(throws: MitogenError.self) {
                let _: PickleValue = try await context.callService(named: notebook, method: method, arguments)
            }
            #expect(
                error?.code == .callError && error?.message.contains(text) == true,
                "\(method): \(String(describing: error))"
            )
        }
        let unknown = await #expect(throws: MitogenError.self) {
            let _: Int = try await context.callService(named: "sample.services.Missing", method: "read")
        }
        #expect(unknown?.code == .callError && unknown?.message.contains("Missing") == true)
        let wrongType = await #expect(throws: MitogenError.self) {
            let _: Int = try await context.callService(named: notebook, method: "read")
        }
        #expect(wrongType != nil)
    }
}

extension PythonTests {
    /// Services of Python contexts.
    @Suite("Services")
    struct Services {
        @Test(
            "Services of a Python context are made and called by name, and say what is wrong",
            arguments: PythonPackage.all
        )
        func named(_ package: PythonPackage) async throws {
            try await withPythonContext(package) { router, python in
                try await PythonServices.checkNotebook(of: python)
                let sibling = try await router.local()
                #expect(try await sibling.call(AskService(PythonServices.notebook, "count", of: python)) == 3)
                let refused = await #expect(throws: MitogenError.self) {
                    try await sibling.call(AskService(PythonServices.notebook, "read", of: python))
                }
                #expect(refused?.message.contains("Caller is not authorized to invoke 'read'") == true)
                // The context beside it has no pool yet.
                let second = try await router.local { $0.runtime = .python() }
                let early = await #expect(throws: MitogenError.self) {
                    try await sibling.call(AskService(PythonServices.notebook, "count", of: second))
                }
                #expect(early?.message.contains("refused by policy") == true)
            }
        }
    }
}
