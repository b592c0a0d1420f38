//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// What stands behind `docker:` and its like in a target: `[USER@]NAME`.
package struct ContainerDestination: Hashable, Sendable {
    package let user: String?
    package let name: String

    /// Takes an argument apart that has no ``problem(_:)``.
    package init(_ text: String) {
        let at = text.firstIndex(of: "@")
        user = at.map { String(text[..<$0]) }
        name = at.map { String(text[text.index(after: $0)...]) } ?? text
    }

    /// The user and, if there is one, the group of `[USER[:GROUP]@]NAME`.
    var account: [String] {
        user?.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init) ?? []
    }

    /// What is wrong with an argument; nil if nothing is.
    static func problem(_ text: String) -> String? {
        let destination = ContainerDestination(text)
        if let user = destination.user {
            if user.isEmpty { return "needs a user's name before '@'" }
            if let problem = nameProblem(user) { return problem }
        }
        if destination.name.contains("@") { return "may have only one '@'" }
        return nameProblem(destination.name)
    }

    /// What is wrong with an argument that may have a group; nil if nothing is.
    static func accountProblem(_ text: String) -> String? {
        if let problem = problem(text) { return problem }
        return ContainerDestination(text).account.contains("") ? "needs a name on both sides of ':'" : nil
    }

    /// What is wrong with the name of something that a tool leads to; nil if nothing is.
    static func nameProblem(_ name: String) -> String? {
        if name.isEmpty { return "needs a name" }
        // It would be taken for an option.
        if name.hasPrefix("-") { return "may not begin with '-'" }
        return name.contains(where: \.isWhitespace) ? "may not contain spaces" : nil
    }
}
