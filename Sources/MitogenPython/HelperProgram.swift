//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

internal import Mitogen

/// The program of the process that knows the installed Python package: it finds modules, and makes what starts a Python
/// context out of the package's own code.
///
/// It is a context of the tree, so it is called, logs and ends like any other. It must not get modules from its parent,
/// which would ask it for them.
enum HelperProgram {
    /// The module in which its functions are.
    static let module = "__main__"

    /// - Parameter configuration: Where modules come from.
    static func source(_ configuration: PythonConfiguration) -> String {
        """
        SEARCH_PATH, ALLOWED, BLOCKED = \([
            configuration.searchPath, configuration.allowedModules, configuration.blockedModules,
        ].map(literal).joined(separator: ", "))
        CONFIGURATION = {\(PythonRuntime.Start.placeholder)}

        """ + body
    }

    /// A list of texts, as Python writes it.
    private static func literal(_ texts: [String]) -> String {
        let items = texts.map { text in
            "'" + text.unicodeScalars.map { isPlain($0) ? "\($0)" : "\\U" + hex($0.value) }.joined() + "'"
        }
        return "[\(items.joined(separator: ", "))]"
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII && (scalar.properties.isAlphabetic || "0123456789/._- ".unicodeScalars.contains(scalar))
    }

    private static func hex(_ number: UInt32) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }

    private static let body = String(decoding: PackageResources.helper_py, as: UTF8.self)
}
