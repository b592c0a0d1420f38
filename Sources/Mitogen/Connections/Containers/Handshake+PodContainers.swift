//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import MitogenProtocol

extension Handshake {
    /// A pod has no such container: the error says which it has, if kubectl tells in time.
    func fail(_ error: MitogenError, askingFor command: [String]) {
        leaveTool()
        let limit = min(.seconds(5), deadline - .now - .milliseconds(100))
        let environment = ToolLocale.environment
        guard limit > .zero,
            let query = try? ToolQuery(command, environment: environment, hearsErrors: true, on: router.broker)
        else { return fail(error) }
        let timer = router.broker.schedule(after: limit) { [weak self] in self?.fail(error) }
        follow(query) { [weak self] _, lines in
            timer.cancel()
            self?.fail(PodContainers(said: lines).map(error.listing) ?? error)
        }
    }
}

extension MitogenError {
    /// Says also which containers a pod has.
    fileprivate func listing(_ containers: PodContainers) -> MitogenError {
        let names = containers.names.joined(separator: ", ")
        return MitogenError(code, "\(message); it has \(names)", diagnostics: diagnostics, hint: hint)
    }
}
