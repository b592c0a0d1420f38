//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen
internal import MitogenPickle
internal import MitogenProtocol
internal import MitogenPython
internal import MitogenServices

// The Swift code of the article "Python peers", which `ArticleTests` runs and compares.

func load(_ router: Router) async throws -> String {
    // Or router.ssh("web1") { … }, router.sudo(via: host) { … }, and so on.
    let python = try await router.local { $0.runtime = .python() }
    let name: String = try await python.call(named: "socket.gethostname")
    let load: [Double] = try await python.call(named: "os.getloadavg")
    return "\(name): \(load[0])"
}

func count(_ python: Context, _ path: ByteString, here: ByteString) async throws -> Int {
    let words = "sample.services.Notebook"
    let _: Int = try await python.callService(named: words, method: "write", ["word": "first"])
    try await FileService.get(path, from: python, to: here)
    return try await python.callService(named: words, method: "count")
}

func process(_ socket: String, _ id: ContextID) async throws -> Int {
    try await withRouter(unixSocket: socket) { tree in
        guard let context = tree.router.context(id: id) else { throw CancellationError() }
        return try await context.call(named: "os.getpid")
    }
}
