//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

/// The containers of a pod, as kubectl tells them.
package struct PodContainers: Sendable, Equatable {
    /// Their names, in the pod's order.
    package let names: [String]
    /// The one that kubectl takes if none is named: that of the pod's annotation, or the first.
    package let standard: String?

    private static let standardMark = "standard="
    private static let namesMark = "names="

    /// For `kubectl get`: the annotation on a line of its own, then the names, of a pod or of what makes pods. Each line
    /// has a mark, as there may be others, such as warnings.
    private static let format =
        #"jsonpath=\#(standardMark){.metadata.annotations.kubectl\.kubernetes\.io/default-container}{"\n"}"#
        + "\(namesMark){.spec.containers[*].name}{.spec.template.spec.containers[*].name}"

    /// The arguments that follow kubectl's own.
    ///
    /// - Parameter pod: A pod's name, or what kubectl takes for one, such as `deployment/web`.
    package static func query(_ pod: String) -> [String] {
        ["get"] + (pod.utf8.contains(UInt8(ascii: "/")) ? [] : ["pod"]) + [pod, "-o", format]
    }

    /// Reads what kubectl has answered; nil if it is something else.
    package init?(said lines: [String]) {
        func value(_ mark: String) -> String? {
            lines.first { $0.hasPrefix(mark) }.map { Transcript.printable($0.dropFirst(mark.count).utf8) }
        }
        let names = (value(Self.namesMark) ?? "").split(separator: " ").map(String.init)
        if names.isEmpty { return nil }
        let standard = value(Self.standardMark)
        self.names = names
        self.standard = names.first { $0 == standard } ?? names.first
    }

    /// The container that kubectl says it has taken, in a line of its diagnostics; nil if the line is another one.
    static func chosen(in line: String) -> String? {
        for start in ["Defaulted container \"", "Defaulting container name to "] where line.hasPrefix(start) {
            let name = line.dropFirst(start.count).prefix { $0 != "\"" && $0 != " " }
            return String(name.last == "." ? name.dropLast() : name)
        }
        return nil
    }
}
