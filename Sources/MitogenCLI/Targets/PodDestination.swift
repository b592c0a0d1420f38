//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What stands behind `kubectl:` in a target: `[NAMESPACE/]POD[/CONTAINER]`.
///
/// With one slash it is `NAMESPACE/POD`; a container of a pod in the namespace of kubectl's configuration is
/// `/POD/CONTAINER`.
package struct PodDestination: Hashable, Sendable {
    package let namespace: String?
    package let pod: String
    package let container: String?

    /// Takes an argument apart that has no ``problem(_:)``.
    package init(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        namespace = parts.count > 1 && !parts[0].isEmpty ? parts[0] : nil
        pod = parts.count > 1 ? parts[1] : parts[0]
        container = parts.count > 2 ? parts[2] : nil
    }

    /// What is wrong with an argument; nil if nothing is.
    static func problem(_ text: String) -> String? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        if parts.count > 3 { return "may have two '/' at most" }
        if parts.count == 2, parts[0].isEmpty { return "needs a namespace before '/', or a container after the pod" }
        let names = parts.count == 3 && parts[0].isEmpty ? parts[1...] : parts[...]
        return names.lazy.compactMap(ContainerDestination.nameProblem).first
    }
}
