//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

package import ArgumentParser
internal import Mitogen

/// The arguments of `mitogen py`.
package struct PyCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "py",
        abstract: "Call a Python function in every target.",
        usage: """
            mitogen py [-t TARGET]... [--python INTERPRETER] [--path DIR]...
                       [--json-arguments] [--timeout SECONDS] [--fanout N]
                       FILE_OR_MODULE FUNCTION [ARG...]
            """,
        discussion: """
            FILE_OR_MODULE is a Python file here, whose name ends in .py, or the name of a module. FUNCTION is a function \
            in it. An ARG of the form NAME=VALUE is a keyword argument, any other a positional one; they are texts, or \
            JSON with --json-arguments.

            A target may end in a hop python[:INTERPRETER], which says what --python says for the others.

            The target needs Python, and nothing else: what the function imports comes from here if it is not there. This \
            machine needs a Python with the package mitogen ('pip install mitogen').

            Each target's result is a JSON object on a line, when it is there: 'target', and 'result' or 'error'. Bytes \
            are in base64.

            EXAMPLES:
              mitogen py -t 'ssh:web[1-20]' socket gethostname
              mitogen py -t ssh:db1+sudo audit.py open_ports --json-arguments limit=1024
              mitogen py -t ssh:old1+sudo+python:python2.7 platform python_version

            EXIT STATUS:
              0 if every call has returned, 3 if one took too long, 4 if a target could not be reached, 5 if a \
            function failed or Python cannot be used, here or there.
            """
    )

    @OptionGroup(title: "Targets")
    package var targets: TargetArguments

    @Option(
        help: ArgumentHelp(
            "The interpreter in the targets that name none with a last hop python:INTERPRETER; python3 by default.",
            valueName: "INTERPRETER"
        )
    )
    package var python = "python3"

    @Option(help: ArgumentHelp("The interpreter here that has the package mitogen.", valueName: "INTERPRETER"))
    package var controllerPython = "python3"

    @Option(
        name: .customLong("path"),
        help: ArgumentHelp("A folder here in which modules are looked for first; can be repeated.", valueName: "DIR")
    )
    package var searchPath: [String] = []

    @Flag(help: "Arguments are JSON values.")
    package var jsonArguments = false

    @Option(help: ArgumentHelp("How long a call may take; for ever by default.", valueName: "SECONDS"))
    package var timeout: String?

    @OptionGroup(title: "Connections")
    package var connections: ConnectionArguments

    @Argument(help: ArgumentHelp("A Python file, or the name of a module.", valueName: "FILE_OR_MODULE"))
    package var module: String

    @Argument(help: ArgumentHelp("The function.", valueName: "FUNCTION"))
    package var function: String

    @Argument(help: ArgumentHelp("The function's arguments.", valueName: "ARG"))
    package var arguments: [String] = []

    package init() {}

    package mutating func validate() throws { _ = try self.request(readsFiles: false) }

    package mutating func run() throws {
        var request = try self.request(readsFiles: true)
        request.hops = try self.connections.validatedSettingsWithPasswords()
        let image = try AgentImage.locate(afterShowing: request.warnings)
        throw ExitCode(try PyExecution(request: request, image: image).perform())
    }

    private func request(readsFiles: Bool) throws -> PyRequest {
        do {
            return try PyRequest(self, readsFiles: readsFiles)
        } catch let error as ArgumentError {
            throw error.forCommandLine
        } catch let error as TargetSyntaxError {
            throw ValidationError("\(error)")
        }
    }
}
